//go:build !linux

package main

import (
	"os"
	"syscall"
)

// attributes: keys of the terminal are for us, who then end it in order.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// memoryOf is not known here.
func memoryOf(*os.ProcessState) float64 { return 0 }
