//go:build !linux

package main

import (
	"os/exec"
	"syscall"
)

// keeper starts processes. Here they are not tied to this program's end: whoever kills it has to clean up.
type keeper struct{}

func newKeeper() *keeper { return &keeper{} }

func (k *keeper) do(f func() error) error { return f() }

func (k *keeper) start(cmd *exec.Cmd, _ syscall.Signal) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	return cmd.Start()
}

func (k *keeper) close() {}

func (k *keeper) mount(string, string) error {
	return errNoMount
}
