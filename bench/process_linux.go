package main

import "syscall"

// attributes: keys of the terminal are for us, who then end it in order; and should we be killed, so is it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
