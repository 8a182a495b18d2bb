//go:build !linux

package main

import "syscall"

// attributes: keys of the terminal are for us, who then end it in order.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
