package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/render"
)

// eyes say whose a preview or proof is for.
type eyes struct {
	Name      string   `help:"Name of the reader it is shown as."`
	Supporter bool     `help:"As a supporter sees it: without the appeal."`
	Without   []string `placeholder:"TOPIC" help:"As a reader sees it who has switched off these topics."`
}

func (e eyes) reader() campaigns.Reader {
	return campaigns.Reader{Name: e.Name, Supporter: e.Supporter, TopicsOff: e.Without}
}

type campaignPreviewCmd struct {
	ID     int64  `arg:"" help:"Which campaign."`
	Output string `short:"o" default:"." placeholder:"DIR" help:"Folder for the files (default: the current one)."`
	eyes   `group:""`
}

func (campaignPreviewCmd) Help() string {
	return `Writes campaign-ID.html, campaign-ID.txt, campaign-ID.eml (the message as it would go out) and campaign-ID-web.html (the page
behind "view in browser"). With --json it prints all of them and writes nothing.`
}

func (c *campaignPreviewCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		v, err := a.campaigns.Preview(ctx, c.ID, c.reader())
		if err != nil {
			return err
		}
		if p.flags.JSON {
			return p.show(v, nil)
		}
		if err := os.MkdirAll(c.Output, 0o755); err != nil {
			return errs.Wrap(err, errs.Denied, "the folder %s cannot be made", c.Output)
		}
		for _, f := range []struct {
			suffix string
			data   string
		}{{".html", v.HTML}, {".txt", v.Text}, {".eml", string(v.EML)}, {"-web.html", v.Web}} {
			path := filepath.Join(c.Output, fmt.Sprintf("campaign-%d%s", c.ID, f.suffix))
			if err := os.WriteFile(path, []byte(f.data), 0o644); err != nil {
				return errs.Wrap(err, errs.Denied, "the file %s cannot be written", path)
			}
			fmt.Fprintln(p.stdout, path)
		}
		fmt.Fprintf(p.stdout, "\nsubject: %s\nHTML: %.1f kB\n", cell(v.Subject), float64(v.HTMLSize)/1000)
		writeWhom(p.stdout, v.Whom)
		for _, pr := range v.Problems {
			fmt.Fprintf(p.stdout, "%s: %s\n", pr.Level, cell(pr.Message))
		}
		return nil
	})
}

type campaignProofCmd struct {
	ID      int64  `arg:"" help:"Which campaign."`
	Address string `arg:"" help:"Where to send it."`
	eyes    `group:""`
}

func (c *campaignProofCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		if err := a.campaigns.Proof(ctx, c.ID, c.Address, c.reader(), p.who()); err != nil {
			return err
		}
		out := struct {
			Campaign int64  `json:"campaign"`
			To       string `json:"to"`
		}{c.ID, c.Address}
		return p.show(out, func(w io.Writer) {
			fmt.Fprintf(w, "A proof of campaign %d goes to %s while a sender runs (mailer serve).\n", c.ID, cell(c.Address))
		})
	})
}

type campaignEditCmd struct {
	ID            int64   `arg:"" help:"Which campaign."`
	Subject       *string `help:"New subject."`
	Preheader     *string `help:"New preheader."`
	Everybody     bool    `help:"To the whole list, whatever segments it had."`
	audienceFlags `group:""`
	Blocks        string `placeholder:"FILE" help:"JSON file with the blocks, as \"blocks\" of campaigns show --json; their order is that of the mail."`
}

func (campaignEditCmd) Help() string {
	return `An approval lapses with an edit: the campaign has to be approved again.

Examples:
  mailer campaigns edit 12 --subject "Rain, and what it brings"
  mailer campaigns edit 12 --segment paris --exclude supporters
  mailer campaigns show 12 --json | jq '{blocks: [.blocks[2], .blocks[0]]}' > blocks.json
  mailer campaigns edit 12 --blocks blocks.json`
}

func (c *campaignEditCmd) Run(ctx context.Context, p *program) error {
	e := campaigns.Edit{Subject: c.Subject, Preheader: c.Preheader}
	if c.Blocks != "" {
		blocks, err := readBlocks(c.Blocks)
		if err != nil {
			return err
		}
		e.Blocks = blocks
	}
	if c.Everybody || len(c.Segment) > 0 {
		e.Segments = &c.Segment
	}
	if c.Everybody || len(c.Exclude) > 0 {
		e.Exclude = &c.Exclude
	}
	if c.Everybody && len(c.Segment)+len(c.Exclude) > 0 {
		return errs.New(errs.Usage, "--everybody does not go with --segment or --exclude")
	}
	if e.Subject == nil && e.Preheader == nil && e.Blocks == nil && e.Segments == nil && e.Exclude == nil {
		return errs.New(errs.Usage, "say what to change: --subject, --preheader, --blocks, --segment, --exclude or --everybody")
	}
	return p.with(ctx, func(a *app) error {
		cm, err := a.campaigns.Campaign(ctx, c.ID)
		if err != nil {
			return err
		}
		e.Version = cm.Version
		if cm, err = a.campaigns.Edit(ctx, c.ID, e, p.who()); err != nil {
			return err
		}
		return showCampaign(p, cm, "")
	})
}

// readBlocks reads {"blocks": […]} or […].
func readBlocks(path string) ([]render.Block, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errs.Wrap(err, errs.NotFound, "the file %s cannot be read", path)
	}
	var blocks []render.Block
	if json.Unmarshal(text, &blocks) == nil {
		return blocks, nil
	}
	var file struct {
		Blocks []render.Block `json:"blocks"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, errs.Field("blocks", "%s is not a list of blocks in JSON: %v", path, err)
	}
	if file.Blocks == nil {
		return nil, errs.Field("blocks", "%s holds no blocks", path)
	}
	return file.Blocks, nil
}
