package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/lib/pq"

	"mailer/internal/smtptest"
)

// reader is one reader of the audience and all that is known of them, from the database and from the relay.
type reader struct {
	Seq        int64  `db:"seq"`
	Subscriber int64  `db:"subscriber_id"`
	Recipient  string `db:"recipient"`
	State      string `db:"state"`

	copies   []smtptest.Entry
	outcomes []outcomeRow
	permits  []permit
}

type outcomeRow struct {
	Seq     int64  `db:"seq"`
	Attempt int    `db:"attempt"`
	Kind    string `db:"kind"`
	QueueID string `db:"queue_id"`
}

// mayHaveMail reports whether by this row the relay may have taken a copy.
func (o outcomeRow) mayHaveMail() bool {
	return o.Kind == "accepted" || o.Kind == "doubt" || o.Kind == "unknown"
}

// permit is one leave to write a final dot, as the database's own witness saw it.
type permit struct {
	attempt int
	arrived time.Time // the statement that noted it
}

// name is how a reader is called in what is printed; the addresses are made up.
func (r *reader) name() string {
	return fmt.Sprintf("%s (%s, %d copies, %v)", r.Recipient, r.State, len(r.copies), r.outcomes)
}

// verify compares the relay's ledger with the database once the send is done.
func (f *field) verify() {
	readers := f.readers()
	f.verifyLost(readers)
	f.verifyCopies(readers)
	f.verifyLeft(readers)
	f.verifyCounts(readers)
	bad, err := f.relay.violations()
	f.must(err)
	for _, v := range bad {
		f.breaks("against the protocol: %s", v)
	}
	f.sum.Sends, f.sum.Readers, f.sum.Left, f.sum.Looks = 1, len(readers), len(f.leaving.left), f.watch.looks
	for _, r := range readers {
		f.sum.Mails += len(r.copies)
	}
	f.sum.Allowed = f.allowed
	f.session.sum.add(f.sum)
}

// readers gathers what is known.
func (f *field) readers() []*reader {
	var all []*reader
	f.must(f.db.SelectContext(f.ctx, &all, `SELECT seq, subscriber_id, recipient, state FROM delivery_state WHERE campaign_id = $1 ORDER BY seq`, f.campaign))
	bySeq, byAddress := map[int64]*reader{}, map[string]*reader{}
	for _, r := range all {
		if byAddress[r.Recipient] != nil {
			f.breaks("%s is in the audience twice", r.Recipient)
		}
		bySeq[r.Seq], byAddress[r.Recipient] = r, r
	}
	var outs []outcomeRow
	f.must(f.db.SelectContext(f.ctx, &outs, `SELECT seq, attempt, kind, queue_id FROM outcomes WHERE campaign_id = $1 ORDER BY seq, attempt`, f.campaign))
	for _, o := range outs {
		r := bySeq[o.Seq]
		if r == nil {
			f.breaks("an outcome of nobody: %v", o)
			continue
		}
		r.outcomes = append(r.outcomes, o)
	}
	entries, err := smtptest.ReadLedger(f.relay.spec.Ledger)
	f.must(err)
	for _, e := range entries {
		r := byAddress[e.To]
		if r == nil {
			f.breaks("a mail went to %s, who is not in the audience", e.To)
			continue
		}
		r.copies = append(r.copies, e)
	}
	f.readPermits(bySeq)
	return all
}

// readPermits reads what the witness wrote down. A note repeats what is still at risk, so a permit is new where the process's note
// before does not have it.
func (f *field) readPermits(bySeq map[int64]*reader) {
	var notes []struct {
		Process  string        `db:"process"`
		Arrived  time.Time     `db:"arrived"`
		Seqs     pq.Int64Array `db:"seqs"`
		Attempts pq.Int64Array `db:"attempts"`
	}
	f.must(f.db.SelectContext(f.ctx, &notes, `SELECT process, arrived, seqs, attempts FROM crashtest_permits ORDER BY process, serial, id`))
	type key struct{ seq, attempt int64 }
	before, process := map[key]bool{}, ""
	for _, n := range notes {
		if n.Process != process {
			before, process = map[key]bool{}, n.Process
		}
		now := map[key]bool{}
		for i, seq := range n.Seqs {
			k := key{seq, n.Attempts[i]}
			if !before[k] && !now[k] && bySeq[seq] != nil {
				bySeq[seq].permits = append(bySeq[seq].permits, permit{int(k.attempt), n.Arrived})
			}
			now[k] = true
		}
		before = now
	}
}

// verifyLost finds readers who should have mail and have none, and rows that say what the ledger does not.
func (f *field) verifyLost(readers []*reader) {
	lost := 0
	for _, r := range readers {
		_, asked := f.leaving.try[r.Subscriber]
		why := ""
		switch {
		case r.State == "accepted" && len(r.copies) == 0:
			why = "accepted, and the relay has not taken it"
		case r.State == "suppressed" && !asked:
			why = "suppressed, and never left"
		case r.State == "failed" && !strings.HasPrefix(r.Recipient, deadReader):
			why = "failed, and the relay did not refuse it"
		case r.State == "unknown":
			f.sum.Unknown++
		case r.State != "accepted" && r.State != "suppressed" && r.State != "failed":
			why = "neither sent nor known by name"
		}
		if why != "" {
			lost++
			if lost <= 5 {
				f.breaks("lost: %s: %s", r.name(), why)
			}
		}
		for _, o := range r.outcomes {
			if o.Kind == "doubt" {
				f.sum.Doubts++
			}
			if o.Kind == "accepted" && !r.hasCopy(o.QueueID) {
				f.breaks("a row without a mail: %s, queue id %s", r.name(), o.QueueID)
			}
		}
	}
	if lost > 5 {
		f.breaks("lost: %d readers in all", lost)
	}
}

func (r *reader) hasCopy(queueID string) bool {
	for _, c := range r.copies {
		if c.QueueID == queueID {
			return true
		}
	}
	return false
}

// verifyCopies checks that no reader has more copies than there are permits and rows to account for, that all copies are the same
// to the octet, and that there are no more of them than the faults explain.
func (f *field) verifyCopies(readers []*reader) {
	ids := map[string]string{}
	for _, r := range readers {
		rows := 0
		for _, o := range r.outcomes {
			if o.mayHaveMail() {
				rows++
			}
		}
		if len(r.copies) > rows {
			f.breaks("a mail without a row: %s", r.name())
		}
		if len(r.copies) > len(r.permits) {
			f.breaks("a mail without a permit: %s, permits %v", r.name(), r.permits)
		}
		for i, c := range r.copies {
			first := r.copies[0]
			if c.MessageID == "" || c.MessageID != first.MessageID || c.Sum != first.Sum || c.Size != first.Size || c.From != first.From {
				f.breaks("copy %d is another message: %s\n%+v\n%+v", i+1, r.name(), first, c)
			}
			if other := ids[c.MessageID]; other != "" && other != r.Recipient {
				f.breaks("%s and %s have the same Message-ID", r.Recipient, other)
			}
			ids[c.MessageID] = r.Recipient
		}
		f.sum.Copies += max(0, len(r.copies)-1)
	}
	cuts := f.cuts()
	f.sum.Faults += cuts
	f.allowed += cuts
	switch {
	case f.hold && f.sum.Copies > 0:
		f.breaks("%d copies too many, and doubts were to be held (SND-27)", f.sum.Copies)
	case f.hold && f.sum.Unknown > f.allowed:
		f.breaks("%d are in doubt, and %d are the most that can be (SND-27)", f.sum.Unknown, f.allowed)
	case f.sum.Copies > f.allowed:
		f.breaks("%d copies too many, and %d are the most that there may be (SND-25)", f.sum.Copies, f.allowed)
	}
}

// cuts counts the messages that the relay left unanswered of its own accord.
func (f *field) cuts() (n int) {
	file, err := os.Open(f.relay.spec.Events)
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	f.must(err)
	defer file.Close()
	for sc := bufio.NewScanner(file); sc.Scan(); {
		var e cutEvent
		if json.Unmarshal(sc.Bytes(), &e) == nil {
			n++
		}
	}
	return n
}

// verifyLeft checks that no permit was given to a reader of whom the program had said before that they left.
func (f *field) verifyLeft(readers []*reader) {
	for _, r := range readers {
		at, left := f.leaving.left[r.Subscriber]
		if !left {
			continue
		}
		for _, p := range r.permits {
			if p.arrived.After(at) {
				f.breaks("a permit after the leave: %s left at %v, asked at %v (attempt %d)", r.name(), at, p.arrived, p.attempt)
			}
		}
		if r.State == "queued" || r.State == "deferred" || r.State == "claimed" {
			f.breaks("%s left and is still waiting", r.name())
		}
	}
}

// verifyCounts checks the totals: of the send, its chunks, its report and the list against each other.
func (f *field) verifyCounts(readers []*reader) {
	counted := map[string]int{}
	for _, r := range readers {
		counted[r.State]++
	}
	var b map[string]any
	f.until("a report", finishing, func() (ok bool) { // the database may still be busy
		var err error
		b, err = f.report()
		return err == nil
	})
	for _, p := range parts {
		if n, _ := b[p].(float64); int(n) != counted[p] {
			f.breaks("the report says %s %v, and %d are (SND-37)", p, b[p], counted[p])
		}
	}
	if n, _ := b["audience"].(float64); int(n) != len(readers) {
		f.breaks("the report says audience %v, and there are %d (SND-37)", b["audience"], len(readers))
	}
	if n := f.number(`SELECT (SELECT count(*) FROM retries) + (SELECT count(*) FROM chunks WHERE closed_at IS NULL)`); n != 0 {
		f.breaks("the send is done and %d rows are open", n)
	}
	if n := f.number(`SELECT coalesce(sum(to_seq - from_seq + 1), 0) FROM chunks WHERE campaign_id = $1`, f.campaign); n != len(readers) {
		f.breaks("the chunks hold %d readers of %d", n, len(readers))
	}
	// Who is on the list and neither in the audience nor asked to leave was forgotten when the audience was written.
	in := map[int64]bool{}
	for _, r := range readers {
		in[r.Subscriber] = true
	}
	var listed []int64
	f.must(f.db.SelectContext(f.ctx, &listed, `SELECT subscriber_id FROM subscriptions WHERE list_id = $1`, f.list))
	for _, id := range listed {
		if _, asked := f.leaving.try[id]; !in[id] && !asked {
			f.breaks("subscriber %d is on the list and not in the audience", id)
		}
	}
}
