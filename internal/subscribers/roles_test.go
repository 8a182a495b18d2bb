package subscribers

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// What the documentation calls role accounts are the ones, and those that it calls readers are none.
func TestRoleAccountsAsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/readers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, sentence, _ := strings.Cut(string(text), "Role accounts are ")
	roles, rest, _ := strings.Cut(sentence, ";")
	readers, _, _ := strings.Cut(rest, "are taken as readers")
	address := regexp.MustCompile("`([a-z]+@)`")
	for want, in := range map[bool]string{true: roles, false: readers} {
		named := address.FindAllStringSubmatch(in, -1)
		if len(named) < 2 {
			t.Fatalf("the documentation names %q", named)
		}
		for _, m := range named {
			a, err := Policy{}.ParseAddress(m[1] + "example.org")
			if err != nil || a.Role() != want {
				t.Errorf("%sexample.org: a role account: %v, %v; the documentation says %v", m[1], a.Role(), err, want)
			}
		}
	}
}
