package config

import (
	"fmt"
	"strings"
	"testing"

	"mailer/internal/errs"
)

const twoRelays = `
[[relay]]
name = "main"
url = "smtp://user:sesame99@smtp.example.org:587"
tls = "starttls"
weight = 3
connections = 20
messages_per_connection = 100
rate = 14.5
daily_cap = 50000

[[relay]]
name = "alerts"
url_env = "ALERTS_URL"
lists = ["alerts", "breaking"]

[[lane]]
provider = "Google"
connections = 0
rate = 5

[[lane]]
relay = "main"
provider = "yahoo.com"
messages_per_connection = 10
`

func TestRelayTables(t *testing.T) {
	c, err := Load(write(t, twoRelays, 0o600), []string{"ALERTS_URL=smtps://u:swordfish77@smtp.example.net"})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Production || len(c.Relays) != 2 || len(c.Lanes) != 2 || len(c.Warnings) != 0 {
		t.Fatalf("%v %v %v", c.Relays, c.Lanes, c.Warnings)
	}
	main, alerts := c.Relays[0], c.Relays[1]
	if main.URL != "smtp://user:sesame99@smtp.example.org:587?tls=starttls" || main.Weight != 3 || main.Connections != 20 ||
		main.MessagesPerConnection != 100 || main.Rate != 14.5 || main.DailyCap != 50000 || len(main.Lists) != 0 {
		t.Errorf("main is %+v", main)
	}
	if alerts.URLFrom != "ALERTS_URL" || !strings.HasPrefix(alerts.URL, "smtps://") || alerts.Weight != 1 || fmt.Sprint(alerts.Lists) != "[alerts breaking]" {
		t.Errorf("alerts is %+v", alerts)
	}
	google, yahoo := c.Lanes[0], c.Lanes[1]
	if google.Provider != "google" || google.Connections == nil || *google.Connections != 0 || *google.Rate != 5 || google.MessagesPerConnection != nil {
		t.Errorf("google is %+v", google)
	}
	if yahoo.Relay != "main" || yahoo.Connections != nil || *yahoo.MessagesPerConnection != 10 {
		t.Errorf("yahoo is %+v", yahoo)
	}
	// It takes the place of MAILER_SMTP_URL among what is required.
	if err := c.Complete(); err == nil || strings.Contains(err.Error(), "SMTP_URL: is missing") || !strings.Contains(err.Error(), "MAILER_SECRET: is missing") {
		t.Errorf("Complete: %v", err)
	}
	out := fmt.Sprintf("%v %+v %#v %s", c.Relays, c.Relays, c.Relays, c.Relays[0].Shown()) + c.String()
	for _, secret := range []string{"sesame99", "swordfish77"} {
		if strings.Contains(out, secret) {
			t.Errorf("%s shows in %s", secret, out)
		}
	}
	plain, err := Load("", []string{"MAILER_SMTP_URL=smtp://h.example.org"})
	if err != nil || len(plain.Lines()) != 1 || plain.Lines()[0].URL != "smtp://h.example.org" {
		t.Errorf("plain: %v, %v", plain.Lines(), err)
	}
}

func TestBadRelayTables(t *testing.T) {
	relay := "[[relay]]\nname = \"main\"\nurl = \"smtp://u:sesame99@h.example.org\"\n"
	for name, tc := range map[string]struct{ text, want string }{
		"one bracket":           {"[relay]\nname = 'x'", "[[relay]]"},
		"no name":               {"[[relay]]\nurl = 'smtp://h'", "name: must be a short name"},
		"a name with a space":   {"[[relay]]\nname = 'a b'\nurl = 'smtp://h'", "name: must be a short name"},
		"no url":                {"[[relay]]\nname = 'main'", "url: is needed, or url_env"},
		"both":                  {relay + "url_env = 'X'", "and not both"},
		"variable not set":      {"[[relay]]\nname = 'main'\nurl_env = 'NOT_THERE'", "url_env: names the variable NOT_THERE, which is not set"},
		"url for a variable":    {"[[relay]]\nname = 'main'\nurl_env = 'smtp://u:sesame99@h.example.org'", "url_env: is not the name of a variable"},
		"wrong url":             {"[[relay]]\nname = 'main'\nurl = 'http://u:sesame99@h'", "url: must begin with smtp://"},
		"two kinds of tls":      {strings.Replace(relay, `org"`, `org?tls=none"`, 1) + "tls = 'starttls'", "keep one of them"},
		"unknown tls":           {relay + "tls = 'maybe'", "tls other than"},
		"unknown key":           {relay + "wieght = 3", "did you mean weight?"},
		"weight 0":              {relay + "weight = 0", "weight: must be a whole number from 1 to 1000"},
		"connections as text":   {relay + "connections = '3'", "for example connections = 20"},
		"rate below 0":          {relay + "rate = -1", "rate: must be messages per second"},
		"rate as text":          {relay + "rate = '5'", "rate: must be messages per second"},
		"cap":                   {relay + "daily_cap = 1.5", "daily_cap: must be a whole number"},
		"lists":                 {relay + "lists = 'weekly'", `lists = ["weekly"]`},
		"no lists":              {relay + "lists = []", `lists = ["weekly"]`},
		"the same name":         {relay + relay, "is the name of two relays"},
		"lane of no provider":   {"[[lane]]\nconnections = 3", "provider: is missing"},
		"lane without limit":    {"[[lane]]\nprovider = 'google'", "without any limit"},
		"lane of another relay": {relay + "[[lane]]\nrelay = 'mian'\nprovider = 'google'\nrate = 1", "relay: names no relay; there are main"},
		"where":                 {relay + "weight = 0", "relay 1 in "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(write(t, tc.text, 0o600), nil)
			if errs.KindOf(err) != errs.Config || !strings.Contains(errs.Public(err), tc.want) {
				t.Fatalf("Load = %v; want %q", err, tc.want)
			}
			if strings.Contains(err.Error(), "sesame99") {
				t.Errorf("the error repeats the secret: %v", err)
			}
		})
	}
	if _, err := Load(write(t, relay, 0o600), []string{"MAILER_SMTP_URL=smtp://h.example.org"}); err == nil || !strings.Contains(err.Error(), "make it one of them") {
		t.Errorf("beside MAILER_SMTP_URL: %v", err)
	}
	if c, err := Load(write(t, relay, 0o644), nil); err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "chmod 600") {
		t.Errorf("a password for all to read: %v", err)
	}
}
