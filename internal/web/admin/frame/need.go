package frame

import (
	"net/http"
	"strconv"
	"strings"

	"mailer/internal/accounts"
	"mailer/internal/errs"
)

// scope is what the role of a need is asked on.
type scope int

const (
	nobody scope = iota // a need that was forgotten
	open
	loggedIn
	anywhere
	everywhere
	onList
	onCampaign
	onDigest
)

// Need says who may use a route, and how much it may bring.
type Need struct {
	scope   scope
	Role    accounts.Role
	machine bool
	upload  int64
	long    bool
}

// Open is for everybody: pages before the log-in, and signed links.
var Open = Need{scope: open}

// LoggedIn is for everybody who has an account.
var LoggedIn = Need{scope: loggedIn}

// Anywhere asks for a role on one list at least; the handler shows what belongs to Visit.Lists only.
func Anywhere(r accounts.Role) Need { return Need{scope: anywhere, Role: r} }

// Everywhere asks for a role on all lists.
func Everywhere(r accounts.Role) Need { return Need{scope: everywhere, Role: r} }

// OnList asks for a role on the list whose slug is the path value list.
func OnList(r accounts.Role) Need { return Need{scope: onList, Role: r} }

// OnCampaign asks for a role on the list of the campaign whose number is the path value campaign.
func OnCampaign(r accounts.Role) Need { return Need{scope: onCampaign, Role: r} }

// OnDigest asks for a role on the list of the digest whose slug is the path value digest.
func OnDigest(r accounts.Role) Need { return Need{scope: onDigest, Role: r} }

// Machine lets API tokens in as well. It is for exports and reports that are only read.
func (n Need) Machine() Need { n.machine = true; return n }

// Upload lets a body be of up to that many bytes, and gives it ten minutes.
func (n Need) Upload(bytes int64) Need { n.upload, n.long = bytes, true; return n }

// Long gives the answer as long as it takes: downloads and server-sent events. Others who ask for it set a limit of their own.
func (n Need) Long() Need { n.long = true; return n }

// IsOpen reports that nobody needs to be logged in.
func (n Need) IsOpen() bool { return n.scope == open }

// ForMachines reports that an API token will do.
func (n Need) ForMachines() bool { return n.machine }

// String says it for people and tests: "editor on the campaign's list".
func (n Need) String() string {
	where := map[scope]string{open: "open", loggedIn: "logged in", anywhere: " on some list", everywhere: " on all lists",
		onList: " on the list", onCampaign: " on the campaign's list", onDigest: " on the digest's list"}[n.scope]
	if n.scope <= loggedIn {
		return where
	}
	return n.Role.String() + where
}

// errLogin asks for a log-in.
var errLogin = errs.New(errs.Denied, "log in first")

// admit finds out who asks and whether they may. What a person may not see does not exist for them.
func (f *Frame) admit(r *http.Request, need Need, v *Visit) error {
	known := false
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		if v.Machine = true; f.Tokens != nil {
			v.Account, known = f.Tokens.Account(r.Context(), bearer)
		}
		if known && !need.machine {
			return errs.New(errs.Denied, "an API token opens exports and reports only")
		}
	} else {
		v.Account, known = f.Sessions.Who(r.Context())
	}
	switch {
	case need.scope == open:
		return nil
	case !known:
		return errLogin
	}
	switch need.scope {
	case anywhere:
		return enough(v.Account.Anywhere(), need.Role)
	case everywhere:
		return enough(v.Account.Everywhere(), need.Role)
	case onList, onCampaign, onDigest:
		return f.admitToList(r, need, v)
	}
	return nil
}

// enough compares a role with the one that is needed.
func enough(has, need accounts.Role) error {
	if has >= need {
		return nil
	}
	if has == accounts.None { // of what belongs to no single list
		return errs.New(errs.Denied, "this needs the role of %s on all lists, and you have a role on some of them, or none. The owner of this service can give it to you", need)
	}
	return errs.New(errs.Denied, "this needs the role of %s; you are %s here. The owner of this service can give it to you", need, has)
}

// unless returns err, or what missing says where err is that something is not there: what is another's and what is nowhere get the same words.
func unless(err error, missing func() error) error {
	if errs.KindOf(err) == errs.NotFound {
		return missing()
	}
	return err
}

func (f *Frame) admitToList(r *http.Request, need Need, v *Visit) error {
	ctx := r.Context()
	missing := func() error { return errs.New(errs.NotFound, "there is no such page") }
	var list int64
	switch need.scope {
	case onList:
		l, err := f.Lists.ListBySlug(ctx, r.PathValue("list"))
		if err != nil {
			return unless(err, missing)
		}
		list = l.ID
	case onCampaign:
		id, err := strconv.ParseInt(r.PathValue("campaign"), 10, 64)
		if err != nil {
			return missing()
		}
		if list, err = f.Campaigns.ListOf(ctx, id); err != nil {
			return unless(err, missing)
		}
		v.Campaign = id
	case onDigest:
		d, err := f.Campaigns.Digests.Get(ctx, r.PathValue("digest"))
		if err != nil {
			return unless(err, missing)
		}
		list, v.Digest = d.ListID, d.Slug
	}
	role := v.Account.Role(list)
	if role == accounts.None {
		return missing()
	}
	l, err := f.Lists.List(ctx, list)
	if err != nil {
		return err
	}
	v.List = &l
	return enough(role, need.Role)
}
