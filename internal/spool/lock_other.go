//go:build !unix

package spool

import "os"

// lock takes nothing where there is nothing to take: one process uses the folder there.
func lock(*os.File) error { return nil }

func unlock(*os.File) {}
