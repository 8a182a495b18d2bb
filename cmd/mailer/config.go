package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"mailer/internal/config"
	"mailer/internal/relay"
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
		Relays   []relayTable   `json:"relays,omitempty"`
		Lanes    []laneTable    `json:"lanes,omitempty"`
	}{mode, cfg.File, cfg.Entries(), relayTables(cfg), laneTables(cfg)}
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
		if len(out.Relays) > 0 {
			fmt.Fprintln(w)
			table(w, []string{"RELAY", "URL", "FROM", "WEIGHT", "CONNECTIONS", "MESSAGES ON EACH", "PER SECOND", "PER DAY", "LISTS"}, out.Relays, func(r relayTable) []any {
				return []any{r.Name, r.URL, r.From, r.Weight, orNone(r.Connections), cmp.Or(r.MessagesPerConnection, relay.DefaultMaxMessages), orNone(r.Rate), orNone(r.DailyCap), strings.Join(r.Lists, ", ")}
			})
		}
		if len(out.Lanes) > 0 {
			fmt.Fprintln(w)
			table(w, []string{"LANE", "OF RELAY", "CONNECTIONS", "MESSAGES ON EACH", "PER SECOND"}, out.Lanes, func(l laneTable) []any {
				return []any{l.Provider, cmp.Or(l.Relay, "each"), asUsual(l.Connections), asUsual(l.MessagesPerConnection), asUsual(l.Rate)}
			})
		}
	})
	if err != nil {
		return err
	}
	return cfg.Complete()
}

// relayTable is a [[relay]] table as it may be shown to anyone.
type relayTable struct {
	Name                  string   `json:"name"`
	URL                   string   `json:"url"`
	From                  string   `json:"from"`
	Weight                int      `json:"weight"`
	Connections           int      `json:"connections"`
	MessagesPerConnection int      `json:"messages_per_connection"`
	Rate                  float64  `json:"rate"`
	DailyCap              int      `json:"daily_cap"`
	Lists                 []string `json:"lists"`
}

func relayTables(cfg *config.Config) (tables []relayTable) {
	for _, r := range cfg.Relays {
		tables = append(tables, relayTable{r.Name, r.Shown(), cmp.Or(r.URLFrom, "file"), r.Weight, r.Connections, r.MessagesPerConnection, r.Rate, r.DailyCap, r.Lists})
	}
	return tables
}

// laneTable is a [[lane]] table; what is null is as usual.
type laneTable struct {
	Relay                 string   `json:"relay"`
	Provider              string   `json:"provider"`
	Connections           *int     `json:"connections"`
	MessagesPerConnection *int     `json:"messages_per_connection"`
	Rate                  *float64 `json:"rate"`
}

func laneTables(cfg *config.Config) (tables []laneTable) {
	for _, l := range cfg.Lanes {
		tables = append(tables, laneTable(l))
	}
	return tables
}

// asUsual is a limit, as it is shown.
func asUsual[T int | float64](n *T) string {
	if n == nil {
		return "as usual"
	}
	return orNone(*n)
}
