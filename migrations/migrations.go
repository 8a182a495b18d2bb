// Package migrations holds the numbered SQL that builds the database, embedded in the program. schema.sql beside them
// is a dump of the result, kept true by a test, for people to read.
package migrations

import "embed"

// FS holds the migrations in goose's format, named 00001_subject.sql and so on.
//
//go:embed 0*.sql
var FS embed.FS
