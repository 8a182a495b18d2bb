package private

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"mailer/internal/errs"
)

const (
	shared      = syscall.LOCK_SH
	exclusive   = syscall.LOCK_EX
	nonBlocking = syscall.LOCK_NB
)

// flock is flock(2), again when a signal interrupts it. The lock belongs to the open file and ends at the latest with the
// process. Go opens files close-on-exec, so no program we run inherits it.
func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// unlock ends the lock and closes the file. Closing alone would not do: a child that another goroutine has just forked holds
// a copy of the file until it executes its program, and the lock with it.
func unlock(f *os.File) {
	_ = flock(f, syscall.LOCK_UN)
	_ = f.Close()
}

// tryLock locks the file at path now or fails.
func tryLock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f, how|nonBlocking); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// lockFile locks the file at path, waiting until ctx ends. It polls, since flock(2) knows no time limit.
func lockFile(ctx context.Context, path string, how int) (*os.File, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		f, err := tryLock(path, how)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errs.Wrap(err, errs.Unavailable, "the file %s cannot be locked", path)
		}
		select {
		case <-ctx.Done():
			return nil, errs.Wrap(ctx.Err(), errs.Unavailable, "another process is starting or stopping the database in this folder; try again")
		case <-tick.C:
		}
	}
}
