package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
)

// keeper starts processes that end when this program does, however it ends: the kernel ties them to the thread that starts
// them, so that thread is kept. It may have file systems of its own, which end with it.
type keeper struct{ work chan func() }

func newKeeper() *keeper {
	k := &keeper{work: make(chan func())}
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread ends with this goroutine, and is used for nothing else
		for f := range k.work {
			f()
		}
	}()
	return k
}

func (k *keeper) do(f func() error) (err error) {
	done := make(chan struct{})
	k.work <- func() { err = f(); close(done) }
	<-done
	return err
}

// start starts cmd, to get the signal at the end of this program.
func (k *keeper) start(cmd *exec.Cmd, atEnd syscall.Signal) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = atEnd
	cmd.SysProcAttr.Setpgid = true // keys of a terminal are for us alone
	return k.do(cmd.Start)
}

func (k *keeper) close() { close(k.work) }

// mount puts a file system in memory at dir, seen by what this keeper starts and does and by nobody else.
func (k *keeper) mount(dir, options string) error {
	return k.do(func() error {
		if err := syscall.Unshare(syscall.CLONE_NEWNS | syscall.CLONE_FS); err != nil {
			return fmt.Errorf("%w: a mount namespace: %w", errNoMount, err)
		}
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("%w: private mounts: %w", errNoMount, err)
		}
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
			return fmt.Errorf("%w: tmpfs: %w", errNoMount, err)
		}
		return nil
	})
}
