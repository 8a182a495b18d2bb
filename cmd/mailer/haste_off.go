//go:build !failpoints

package main

import (
	"mailer/internal/delivery"
	"mailer/internal/relay"
)

// Waits are shortened for the crash proof only, in a build of its own.

func hasteSender(c delivery.SenderConfig) delivery.SenderConfig { return c }

func hasteRelay(c relay.Config) relay.Config { return c }
