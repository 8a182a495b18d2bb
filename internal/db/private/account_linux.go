package private

import (
	"os"
	"syscall"
)

// namespaces says whether the system has user namespaces. Whether we may use one is found out by trying.
var namespaces = true

// applyNamespace starts the command in a user namespace where our uid and gid are a.UID and a.GID.
func (a account) applyNamespace(attr *syscall.SysProcAttr) {
	attr.Cloneflags |= syscall.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: a.UID, HostID: os.Geteuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: a.GID, HostID: os.Getegid(), Size: 1}}
}

// endWithParent has the kernel interrupt the command when the thread that starts it ends, so the caller must have locked
// itself to its thread and stay alive.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
