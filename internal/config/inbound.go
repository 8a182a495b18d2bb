package config

import (
	"errors"
	"path/filepath"
	"strings"
)

// Inbound returns how and where mail is taken in: lmtp or not, and host:port. The address is empty where no mail is.
func (c *Config) Inbound() (lmtp bool, address string) {
	scheme, address, _ := strings.Cut(c.InboundListen, "://")
	return scheme == "lmtp", address
}

// SpoolDir is the folder in which what readers ask for is kept while the database is away.
func (c *Config) SpoolDir() string { return filepath.Join(c.Home, "spool") }

func checkInbound(v string) error {
	scheme, address, ok := strings.Cut(v, "://")
	if !ok || scheme != "lmtp" && scheme != "smtp" {
		return errors.New("must begin with lmtp:// or smtp://, then a host and a port")
	}
	return checkListen(address)
}
