//go:build !unix

package postfixtest

// end ends the master; there is no postfix where this is compiled.
func (m *master) end(bool) {
	_ = m.cmd.Process.Kill()
	<-m.ended
}
