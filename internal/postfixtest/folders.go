package postfixtest

import (
	"os"
	"os/user"
	"strconv"
)

// folders makes the folders that `postfix check` would make, which takes its shell scripts seconds.
func (s *Server) folders() error {
	owner, group, err := mailOwner()
	if err != nil {
		return err
	}
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"conf", "queue", "queue/pid"} {
		if err := os.Mkdir(s.path(name), 0o755); err != nil {
			return err
		}
	}
	modes := map[string]os.FileMode{"data": 0o755, "queue/maildrop": 0o730, "queue/public": 0o710}
	for _, name := range []string{"active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"} {
		modes["queue/"+name] = 0o700
	}
	for name, mode := range modes {
		if err := os.Mkdir(s.path(name), mode); err != nil {
			return err
		}
		if err := os.Chmod(s.path(name), mode); err != nil { // whatever the umask
			return err
		}
		if err := os.Chown(s.path(name), owner, group); err != nil {
			return err
		}
	}
	return nil
}

// mailOwner returns the user and the group that the package of postfix has made.
func mailOwner() (uid, gid int, err error) {
	u, err := user.Lookup("postfix")
	if err != nil {
		return 0, 0, err
	}
	g, err := user.LookupGroup("postdrop")
	if err != nil {
		return 0, 0, err
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(g.Gid)
	return uid, gid, err
}
