package private

// Tool returns the path of one of PostgreSQL's own programs, such as pg_dump, of the newest version on this machine. It
// returns errs.Unavailable, saying what to do, when there is none.
func Tool(name string) (string, error) {
	b, err := find(0)
	return b.path(name), err
}
