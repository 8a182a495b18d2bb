// Package failpoint names the points of a send at which the crash proof (crashtest) ends or stops the process. The calls
// stand in the sender for good; without the build tag failpoints they compile to nothing, and no variable is read.
//
// With it, MAILER_FAILPOINT=dot-sent@3 has the process kill itself by SIGKILL when it comes to that point for the third
// time; MAILER_FAILPOINT=dot-sent@3:stop has it stop itself by SIGSTOP there, until somebody sends SIGCONT.
package failpoint

// Names are the points, in the order in which a delivery passes them.
var Names = []string{
	"audience-step",     // a step of the audience is written and not committed
	"claimed",           // a claim is committed, nothing of it was read
	"recovered",         // the doubts of a former holder are on record
	"envelope-sent",     // MAIL, RCPT and DATA are written
	"body-sent",         // the message is written but for its final dot
	"permit-asked",      // before the statement that asks for permits
	"permit-committed",  // that statement is committed, and nobody here knows the answers
	"permit-granted",    // a connection knows that it may write its dot
	"dot-sent",          // it has, and has read nothing
	"reply-read",        // it has read the reply
	"outcome-settled",   // the outcome stands in memory
	"outcome-committed", // and in the database
	"chunk-closing",     // all of a chunk is done, and it is open
	"chunk-closed",      // it is closed, and its send is not finished
}
