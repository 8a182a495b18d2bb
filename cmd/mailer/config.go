package main

import (
	"fmt"
	"io"

	"mailer/internal/config"
)

type configCmd struct{}

func (configCmd) Help() string {
	return `Settings come from mailer.toml and from the environment, which wins. In the file their names are in lower case without
MAILER_. With none of the four required ones the program runs in development mode: a private database, a mail catcher and
a generated secret in .mailer, and nothing leaves this machine. With any of them it is the production service and wants
all four:

  MAILER_DATABASE_URL=postgres://mailer:password@localhost:5432/mailer?sslmode=disable
  MAILER_SMTP_URL=smtp://user:password@smtp.example.org:587?tls=starttls
  MAILER_BASE_URL=https://news.example.org
  MAILER_SECRET=$(openssl rand -hex 32), made once and kept

The same in mailer.toml:

  database_url = "postgres://…"
  smtp_url = "smtp://…"

The status is 78 when something is missing or wrong.`
}

// Run shows the configuration and then says what is missing, so that both can be seen at once.
func (c *configCmd) Run(p *program) error {
	cfg, err := p.configure()
	if err != nil {
		return err
	}
	mode := "development"
	if cfg.Production {
		mode = "production"
	}
	out := struct {
		Mode     string         `json:"mode"`
		File     string         `json:"file"`
		Settings []config.Entry `json:"settings"`
	}{mode, cfg.File, cfg.Entries()}
	err = p.show(out, func(w io.Writer) {
		file := cfg.File
		if file == "" {
			file = "none"
		}
		fmt.Fprintf(w, "mode: %s, file: %s\n\n", mode, file)
		table(w, []string{"SETTING", "VALUE", "FROM", "WHAT IT IS"}, out.Settings, func(e config.Entry) []any {
			value := e.Value
			if value == "" {
				value = "-"
			}
			return []any{e.Name, value, e.Source, e.Help}
		})
	})
	if err != nil {
		return err
	}
	return cfg.Complete()
}
