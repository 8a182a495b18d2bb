package accounts

import (
	"cmp"
	"fmt"
	"slices"

	"mailer/internal/errs"
)

// Role is what a person may do with a list, or with all of them. Each role may do what those below it may.
type Role int

// The roles, from the least to the most.
const (
	None   Role = iota
	Viewer      // sees campaigns and reports
	Writer      // writes campaigns and stories, sends proofs
	Editor      // approves and sends; digests, lists, readers, segments
	Owner       // people, relays, settings, the audit log
)

var roleNames = [...]string{"none", "viewer", "writer", "editor", "owner"}

// String returns the name of the role as tables and pages have it.
func (r Role) String() string { return roleNames[r] }

// MarshalText writes the name of the role.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// ParseRole returns the role of that name. Errors: Invalid (field role).
func ParseRole(name string) (Role, error) {
	for r, n := range roleNames {
		if n == name {
			return Role(r), nil
		}
	}
	return None, errs.Field("role", "%q is none of viewer, writer, editor and owner", name)
}

// Grant is a role on one list, or on all.
type Grant struct {
	List int64 `json:"list"` // 0: all lists, those to come as well
	Role Role  `json:"role"`
}

// Grants are all that a person was given.
type Grants []Grant

// Everywhere returns the role on all lists.
func (g Grants) Everywhere() Role { return g.most(func(x Grant) bool { return x.List == 0 }) }

// On returns the role on one list.
func (g Grants) On(list int64) Role {
	return g.most(func(x Grant) bool { return x.List == 0 || x.List == list })
}

// Anywhere returns the highest role on any list.
func (g Grants) Anywhere() Role { return g.most(func(Grant) bool { return true }) }

func (g Grants) most(of func(Grant) bool) (most Role) {
	for _, x := range g {
		if of(x) {
			most = max(most, x.Role)
		}
	}
	return most
}

// At returns the role that was given on exactly that list, 0 being all lists: what a form shows.
func (g Grants) At(list int64) Role { return g.most(func(x Grant) bool { return x.List == list }) }

// Capped returns the grants with no role above the most.
func (g Grants) Capped(most Role) Grants {
	capped := make(Grants, 0, len(g))
	for _, x := range g {
		capped = append(capped, Grant{List: x.List, Role: min(x.Role, most)})
	}
	return capped
}

// check leaves out what is none, and refuses what cannot be. Errors: Invalid (field role).
func (g Grants) check() (Grants, error) {
	kept, seen := Grants{}, map[int64]bool{}
	for _, x := range g {
		switch {
		case x.Role == None:
			continue
		case x.Role < None || x.Role > Owner:
			return nil, errs.Field("role", "there is no such role")
		case x.Role == Owner && x.List != 0:
			return nil, errs.Field("role", "an owner is one of everything; on one list the highest role is editor")
		case seen[x.List]:
			return nil, errs.Field("role", "two roles for one list")
		}
		seen[x.List] = true
		kept = append(kept, x)
	}
	slices.SortFunc(kept, func(a, b Grant) int { return cmp.Compare(a.List, b.List) })
	return kept, nil
}

// names says the roles for the audit log: "editor everywhere", "writer on list 3".
func (g Grants) names() []string {
	names := []string{}
	for _, x := range g {
		where := " everywhere"
		if x.List != 0 {
			where = fmt.Sprintf(" on list %d", x.List)
		}
		names = append(names, x.Role.String()+where)
	}
	return names
}
