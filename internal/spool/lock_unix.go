//go:build unix

package spool

import (
	"os"
	"syscall"
)

// lock takes the file for this process, until it is closed; it fails when another one has it.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// unlock gives it back. Closing would do, but for a program that is just being started and still has the file open, too.
func unlock(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
