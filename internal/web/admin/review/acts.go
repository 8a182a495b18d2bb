package review

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"mailer/internal/campaigns"
	"mailer/internal/web/admin/frame"
)

func id(n int64) string { return strconv.FormatInt(n, 10) }

// address of the review of a campaign.
func address(v *frame.Visit) string { return fmt.Sprintf("/admin/campaigns/%d/review", v.Campaign) }

// where returns the address at which a problem can be mended, and what that place is called; nothing where it is nowhere in
// particular.
func where(v campaigns.Review, at *campaigns.Place) (url, name string) {
	base := fmt.Sprintf("/admin/campaigns/%d", v.Campaign.ID)
	switch {
	case at == nil:
		return "", ""
	case at.Part == "list":
		return "/admin/lists/" + v.Slug, "the list"
	case at.Part == "audience":
		return base, "the campaign"
	case at.Part != "":
		return base + "#" + at.Part, "the " + at.Part
	case at.Story != 0:
		return base + "#s-" + id(at.Story), "the story"
	case at.ID != "":
		return base + "#b-" + at.ID, fmt.Sprintf("block %d", at.Block)
	}
	return base, "the campaign"
}

// assent is what the form of an approval says.
func assent(r *http.Request, who string) campaigns.Assent {
	return campaigns.Assent{Who: who, Force: r.FormValue("seen") != "", Readers: r.FormValue("readers"), Content: r.FormValue("content")}
}

func (rm *room) approve(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	c, err := rm.Campaigns.Reviews.Approve(r.Context(), v.Campaign, assent(r, v.Who()))
	if err != nil {
		return rm.again(w, r, v, err)
	}
	return v.Done(w, r, address(v), "%s", approved(v, c))
}

// approved says what comes after an approval.
func approved(v *frame.Visit, c campaigns.Campaign) string {
	if c.SendAt == nil {
		return "Approved. It goes out when somebody starts it or gives it a time, on its page Send."
	}
	return "Approved. It goes out at " + c.SendAt.In(v.Zone()).Format("15:04 on Monday 2 January") + "."
}

func (rm *room) hold(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	reason := strings.TrimSpace(r.FormValue("reason"))
	if _, err := rm.Campaigns.Hold(r.Context(), v.Campaign, reason, v.Who()); err != nil {
		return rm.again(w, r, v, err)
	}
	return v.Done(w, r, address(v), "Held. It does not go out until somebody approves or starts it.")
}

func (rm *room) handOver(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if _, err := rm.Campaigns.Review(r.Context(), v.Campaign, v.Who()); err != nil {
		return rm.again(w, r, v, err)
	}
	return v.Done(w, r, address(v), "Handed over for approval.")
}

// linksLimit is how long a look at the links may take with the review after it: the look alone takes up to twelve seconds.
const linksLimit = 30 * time.Second

// links looks where the links lead and shows what was found.
func (rm *room) links(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx, cancel := context.WithTimeout(r.Context(), linksLimit)
	defer cancel()
	r = r.WithContext(ctx)
	looked, err := rm.Campaigns.Reviews.LookAtLinks(r.Context(), v.Campaign)
	if err != nil {
		return err
	}
	if !v.HTMX {
		return v.Done(w, r, address(v), "Links looked at: %d.", looked)
	}
	d, err := rm.load(r, v)
	if err != nil {
		return err
	}
	return v.Part(w, pages, "findings", d)
}

func (rm *room) proof(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	group, _ := strconv.ParseInt(r.FormValue("group"), 10, 64) // anything else is no group
	sent, err := rm.Campaigns.Reviews.SendProofs(r.Context(), v.Campaign, campaigns.ProofRequest{Addresses: []string{r.FormValue("addresses")}, Group: group,
		Reader: campaigns.Reader{Name: strings.TrimSpace(r.FormValue("name")), Supporter: r.FormValue("supporter") != ""}}, v.Who())
	if err != nil {
		return rm.again(w, r, v, err)
	}
	if sent == 1 {
		return v.Done(w, r, address(v), "A proof is on its way.")
	}
	return v.Done(w, r, address(v), "%d proofs are on their way.", sent)
}

// news takes the new versions of changed stories over.
func (rm *room) news(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	n, err := rm.Campaigns.Reviews.TakeNews(r.Context(), v.Campaign, v.Who())
	switch {
	case err != nil:
		return rm.again(w, r, v, err)
	case n == 1:
		return v.Done(w, r, address(v), "The new version of the story is taken over.")
	}
	return v.Done(w, r, address(v), "New versions taken over: %d.", n)
}
