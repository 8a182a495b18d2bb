// Package audience owns segments: saved rules over readers. A rule is written in a small closed language, kept as JSON, and
// compiled to a condition of parametrised SQL over the views that the owners of the tables declare: mailable, subscribed (of
// subscribers), sent_to and past_sends (of delivery). What people write never becomes part of the SQL itself.
//
// For a send a rule is frozen: short names become numbers, spans of time become moments, "the last campaigns" become those that are
// the last at that time. A frozen rule needs nothing that anybody could still edit.
package audience
