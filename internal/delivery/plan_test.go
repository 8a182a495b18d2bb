package delivery

import (
	"strings"
	"testing"
)

// The plan of the permit statement, made on an empty database and kept, reaches every table by its key.
func TestGroupPlan(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.launch()
	line := groupLine{db: r.db}
	defer line.drop()
	if err := line.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := line.conn.ExecContext(t.Context(), `PREPARE permits AS `+groupSQL); err != nil {
		t.Fatal(err)
	}
	args := strings.Repeat(", '{}'", 29)
	var lines []string
	if err := line.conn.SelectContext(t.Context(), &lines, `EXPLAIN EXECUTE permits('`+newUUID()+`', 1`+args+`, 0)`); err != nil {
		t.Fatal(err)
	}
	plan := strings.Join(lines, "\n")
	for _, index := range []string{"chunks_pkey", "retries_pkey", "sends_pkey", "permits_pkey", "leaves_subscriber", "subscribers_pkey", "suppressions_address_hash_reason_key"} {
		if !strings.Contains(plan, index) {
			t.Errorf("the plan does not use %s", index)
		}
	}
	if strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Hash Join") {
		t.Error("the plan reads a whole table")
	}
	if t.Failed() {
		t.Log(plan)
	}
}
