package main

import "github.com/alecthomas/kong"

const description = `A newsletter and campaign service for newsrooms: digests from feeds, readers and their consent, mail by SMTP.

To see it at work with sample content: mailer demo

Then, with nothing configured, every command works on a private database in .mailer, and nothing leaves this machine.

In production it needs four settings; see: mailer config --help`

var groups = []kong.Group{
	{Key: "run", Title: "Run it:"},
	{Key: "readers", Title: "Readers:"},
	{Key: "content", Title: "Content:"},
	{Key: "mail", Title: "Mail:"},
	{Key: "global", Title: "Flags of every command:"},
}

// cli is the command line: nouns, and below them verbs. Each noun has a file of its own.
type cli struct {
	globals

	Serve   serveCmd   `cmd:"" group:"run" help:"Run the service: web pages, scheduler and senders."`
	Demo    demoCmd    `cmd:"" group:"run" help:"See the whole of it at work, with a sample newsroom; nothing to configure."`
	Migrate migrateCmd `cmd:"" group:"run" help:"Bring the database schema up to date."`
	Config  configCmd  `cmd:"" group:"run" help:"Show the configuration in effect and where each value came from."`
	DKIM    dkimCmd    `cmd:"" group:"run" name:"dkim" help:"Sign mail here: keys, their DNS records, and whether these are right."`
	People  peopleCmd  `cmd:"" group:"run" help:"Who may log in to the editors' desk, and what they may do."`
	Audit   auditCmd   `cmd:"" group:"run" help:"Show who did what."`

	Lists        listsCmd        `cmd:"" group:"readers" help:"Newsletters that one subscribes to: sender, legal identity, looks."`
	Publications publicationsCmd `cmd:"" group:"readers" help:"Who offers several lists together, on one sign-up page."`
	Forms        formsCmd        `cmd:"" group:"readers" help:"Sign-up forms: wording, sites that may hold them, HTML to embed."`
	Topics       topicsCmd       `cmd:"" group:"readers" help:"Interests within a list that a reader can switch off."`
	Subscribers  subscribersCmd  `cmd:"" group:"readers" help:"People and their consent: add, import, export, show."`
	Suppressions suppressionsCmd `cmd:"" group:"readers" help:"Addresses that are never mailed."`
	Segments     segmentsCmd     `cmd:"" group:"readers" help:"Saved rules over readers, for whom a campaign is or is not."`

	Feeds    feedsCmd    `cmd:"" group:"content" help:"Sources of stories that are polled: RSS, Atom, JSON Feed."`
	Articles articlesCmd `cmd:"" group:"content" help:"Stories: list, show, import from a file."`
	Appeals  appealsCmd  `cmd:"" group:"content" help:"Asks for support that stand in mails."`

	Relays    relaysCmd    `cmd:"" group:"run" help:"Servers that mail is handed to: how they are, and what they offer."`
	Lanes     lanesCmd     `cmd:"" group:"run" help:"Relay and provider: limits, and what is slowed."`
	Digests   digestsCmd   `cmd:"" group:"mail" help:"Recurring recipes that make campaigns on a schedule."`
	Campaigns campaignsCmd `cmd:"" group:"mail" help:"Dated sends: preview, proof, approve, start, pause, report."`
	Alert     alertCmd     `cmd:"" group:"mail" help:"Send one story at once, before everything else."`
}
