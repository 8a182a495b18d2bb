package main

import (
	"os"
	"syscall"
)

// attributes: keys of the terminal are for us, who then end it in order; and should we be killed, so is it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// memoryOf is the most memory that an ended process had resident, in MB.
func memoryOf(p *os.ProcessState) float64 {
	if p == nil {
		return 0
	}
	if use, ok := p.SysUsage().(*syscall.Rusage); ok {
		return float64(use.Maxrss) / 1024
	}
	return 0
}
