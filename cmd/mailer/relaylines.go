package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mailer/internal/config"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/relay"
	"mailer/internal/subscribers"
)

// relayLines makes the relays of the configuration, with the lists that are bound to them.
func (a *app) relayLines(ctx context.Context) ([]delivery.RelayLine, error) {
	var lines []delivery.RelayLine
	var problems []error
	for _, r := range a.cfg.Lines() {
		made, err := relay.New(hasteRelay(relayConfig(a.cfg, r)))
		if err != nil {
			problems = append(problems, ofRelay(r, err))
			continue
		}
		lists, err := a.listsOf(ctx, r)
		if err != nil {
			problems = append(problems, err)
		}
		lines = append(lines, delivery.RelayLine{Relay: made, Name: r.Name, Weight: r.Weight, Connections: r.Connections,
			MessagesPerConnection: r.MessagesPerConnection, Rate: r.Rate, DailyCap: r.DailyCap, Lists: lists})
	}
	return lines, errors.Join(problems...)
}

// relayConfig is how one of the relays is reached.
func relayConfig(cfg *config.Config, r config.Relay) relay.Config {
	c := relay.Config{URL: r.URL, HelloName: cfg.MailDomain, MaxMessages: r.MessagesPerConnection}
	if r.Name != "" {
		c.Setting = "the url of relay " + r.Name
	}
	return c
}

// ofRelay says which relay an error is about, where there are several.
func ofRelay(r config.Relay, err error) error {
	var e *errs.Error
	if r.Name == "" || !errors.As(err, &e) {
		return err
	}
	return &errs.Error{Kind: e.Kind, Field: "url", Msg: e.Msg + " (relay " + r.Name + ")", Err: e.Err}
}

// listsOf returns the numbers of the lists that a relay names.
func (a *app) listsOf(ctx context.Context, r config.Relay) (ids []int64, err error) {
	if len(r.Lists) == 0 {
		return nil, nil
	}
	lists, err := a.subscribers.Lists(ctx)
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, slug := range r.Lists {
		i := slices.IndexFunc(lists, func(l subscribers.List) bool { return l.Slug == slug })
		if i < 0 {
			var known []string
			for _, l := range lists {
				known = append(known, l.Slug)
			}
			there := "there is none yet (mailer lists create)"
			if len(known) > 0 {
				there = "there are " + strings.Join(known, ", ")
			}
			problems = append(problems, &errs.Error{Kind: errs.Config, Field: "lists",
				Msg: fmt.Sprintf("names the list %q, which does not exist (relay %s in %s); %s", slug, r.Name, a.cfg.File, there)})
			continue
		}
		ids = append(ids, lists[i].ID)
	}
	return ids, errors.Join(problems...)
}

// laneLimits are the limits of the configuration, by the names of providers.
func (a *app) laneLimits() ([]delivery.LaneLimits, error) {
	var limits []delivery.LaneLimits
	var problems []error
	for i, l := range a.cfg.Lanes {
		provider, err := providerNamed(l.Provider)
		if err != nil {
			problems = append(problems, &errs.Error{Kind: errs.Config, Field: "provider", Msg: fmt.Sprintf("%s (lane %d in %s)", err, i+1, a.cfg.File)})
			continue
		}
		limits = append(limits, delivery.LaneLimits{Relay: l.Relay, Provider: provider, Connections: l.Connections,
			MessagesPerConnection: l.MessagesPerConnection, Rate: l.Rate})
	}
	return limits, errors.Join(problems...)
}

// providerNamed returns the provider of a name or of one of its domains.
func providerNamed(name string) (string, error) {
	if strings.Contains(name, ".") {
		if p := subscribers.ProviderOf(name); p != "other" {
			return p, nil
		}
		return "", fmt.Errorf("%s is not a domain of a provider that is known by name; all such domains together are \"other\"", name)
	}
	if known := subscribers.Providers(); !slices.Contains(known, name) {
		return "", fmt.Errorf("%q is not a provider; known are %s; a domain, as gmail.com, does as well", name, strings.Join(known, ", "))
	}
	return name, nil
}
