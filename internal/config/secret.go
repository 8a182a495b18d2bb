package config

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"strings"

	"mailer/internal/errs"
)

// EnsureSecret fills the secret in development mode: with the one in SecretPath, made on first use and readable by us
// alone. It does nothing when a secret is set. Two processes that start together end up with the same one.
func (c *Config) EnsureSecret() error {
	if c.Secret != "" || c.Production {
		return nil
	}
	if err := os.MkdirAll(c.Home, 0o700); err != nil {
		return errs.Wrap(err, errs.Unavailable, "the folder %s cannot be made; choose another one with --home or MAILER_HOME", c.Home)
	}
	text, err := os.ReadFile(c.SecretPath())
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeSecret(c.Home, c.SecretPath()); err != nil {
			return errs.Wrap(err, errs.Unavailable, "a secret cannot be written to %s", c.SecretPath())
		}
		text, err = os.ReadFile(c.SecretPath())
	}
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "the secret in %s cannot be read", c.SecretPath())
	}
	secret := strings.TrimSpace(string(text))
	if err := checkSecret(secret); err != nil {
		return errs.New(errs.Config, "the secret in %s %s; put the right one back, or remove the whole folder to begin anew", c.SecretPath(), err)
	}
	c.Secret, c.sources[prefix+"SECRET"] = secret, fromGenerated
	return nil
}

// makeSecret writes a fresh secret to path, complete or not at all, and leaves one that is there alone.
func makeSecret(dir, path string) error {
	b := make([]byte, 32)
	rand.Read(b)
	f, err := os.CreateTemp(dir, "secret-") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.WriteString(hex.EncodeToString(b) + "\n"); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	// Link, unlike rename, fails when another process was faster.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
