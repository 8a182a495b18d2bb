package private

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"mailer/internal/errs"
)

// account says as whom the server runs. Postgres refuses to run as root, so where we are root one of two ways is taken:
// a user namespace in which our uid 0 has another number (files stay root's, no account and no permission is needed), or
// another account of the machine, to which the data then belong.
type account struct {
	Namespace bool `json:"namespace,omitempty"` // run in a user namespace where we are UID
	Drop      bool `json:"drop,omitempty"`      // run as the account UID
	UID       int  `json:"uid,omitempty"`
	GID       int  `json:"gid,omitempty"`
}

// chooseAccount finds a way to run the binaries that works here, and hands the folder's data to it.
func chooseAccount(b binaries, root string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	uid, gid, name, found := unprivileged()
	var tried []string
	if a := (account{Namespace: true, UID: uid, GID: gid}); namespaces {
		err := a.try(b, root)
		if err == nil {
			return a, a.own(root)
		}
		tried = append(tried, fmt.Sprintf("in a user namespace: %v", err))
	}
	if found {
		a := account{Drop: true, UID: uid, GID: gid}
		if err := a.own(root); err != nil {
			return a, err
		}
		err := a.try(b, root)
		if err == nil {
			return a, nil
		}
		tried = append(tried, fmt.Sprintf("as the account %s: %v", name, err))
	}
	return account{}, errs.New(errs.Unavailable,
		"PostgreSQL does not run as root, and no other way works here (%s). Run mailer as an ordinary user, or choose a folder that every account may enter with --home or MAILER_HOME (such as /var/lib/mailer), or set MAILER_DATABASE_URL",
		strings.Join(tried, "; "))
}

// unprivileged returns an account of the machine to stand for us. initdb wants its number to have a name.
func unprivileged() (uid, gid int, name string, found bool) {
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid > 0 && gid >= 0 {
			return uid, gid, name, true
		}
	}
	return 65534, 65534, "nobody", false
}

// try runs a command that needs what the server will need: to be allowed to start, and to enter the folder.
func (a account) try(b binaries, root string) error {
	cmd := exec.Command("/bin/sh", "-c", `cd "$1" && "$2" --version`, "sh", "", b.path("initdb"))
	cmd.Dir = "/"
	dir := root
	if a.Drop {
		dir = filepath.Join(root, "data") // the one that is its own
	}
	done, err := a.folder(cmd, dir, &cmd.Args[4])
	if err != nil {
		return err
	}
	defer done()
	a.apply(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) > 0 {
		return fmt.Errorf("%w (%s)", err, strings.TrimSpace(string(out)))
	}
	return err
}

// folder puts into arg the path by which cmd can enter dir. Another account may not be allowed into the folders above it
// (a home folder), so on Linux it gets dir as an open file, which needs no way. done is for after cmd has started.
func (a account) folder(cmd *exec.Cmd, dir string, arg *string) (done func(), err error) {
	*arg = dir
	if _, err := os.Stat("/proc/self/fd"); !a.Drop || err != nil {
		return func() {}, nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	*arg = "/proc/self/fd/" + strconv.Itoa(2+len(cmd.ExtraFiles))
	return func() { f.Close() }, nil
}

// apply makes cmd run as the account.
func (a account) apply(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	switch {
	case a.Namespace:
		a.applyNamespace(cmd.SysProcAttr)
	case a.Drop:
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}
	}
}

// own makes the data belong to whom the server will run as: they may have been made the other way.
func (a account) own(root string) error {
	data := filepath.Join(root, "data")
	uid, gid := 0, 0
	if a.Drop {
		uid, gid = a.UID, a.GID
		if err := os.MkdirAll(data, 0o700); err != nil {
			return errs.Wrap(err, errs.Unavailable, "the folder %s cannot be made", data)
		}
	}
	fi, err := os.Stat(data)
	if err != nil {
		return nil // nothing there yet
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && int(st.Uid) == uid {
		return nil
	}
	err = filepath.WalkDir(data, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
	return errs.Wrap(err, errs.Unavailable, "the folder %s cannot be given to another account", data)
}
