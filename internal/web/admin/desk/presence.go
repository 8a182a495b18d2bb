package desk

import (
	"context"
	"net/http"
	"strconv"

	"mailer/internal/campaigns"
	"mailer/internal/web/admin/frame"
)

// here notes that a person has the page open, and answers with who else has, and which version of the campaign there is.
func (rm *room) here(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx := r.Context()
	if r.FormValue("left") != "" {
		w.WriteHeader(http.StatusNoContent)
		return rm.Campaigns.Desk.Leave(ctx, v.Campaign, v.Who())
	}
	list, err := rm.Campaigns.Desk.Here(ctx, v.Campaign, v.Who(), r.FormValue("block"))
	if err != nil {
		return err
	}
	c, err := rm.Campaigns.Campaign(ctx, v.Campaign)
	if err != nil {
		return err
	}
	w.Header().Set("X-Version", strconv.Itoa(c.Version))
	s := &sheet{}
	for _, b := range c.Blocks {
		it := campaigns.Item{Block: b}
		s.Blocks = append(s.Blocks, block{ID: b.ID, Name: nameOf(it)})
	}
	return v.Part(w, pages, "others", rm.whoIsHere(ctx, v, s, list))
}

// others returns who else has the page open.
func (rm *room) others(ctx context.Context, v *frame.Visit, s *sheet) ([]other, error) {
	list, err := rm.Campaigns.Desk.Others(ctx, v.Campaign, v.Who())
	return rm.whoIsHere(ctx, v, s, list), err
}

func (rm *room) whoIsHere(ctx context.Context, v *frame.Visit, s *sheet, list []campaigns.Present) []other {
	out := make([]other, 0, len(list))
	for _, p := range list {
		o := other{Name: rm.names.of(ctx, v, p.Account)}
		for i := range s.Blocks {
			if s.Blocks[i].ID == p.Block {
				o.Where = s.Blocks[i].Name
			}
		}
		out = append(out, o)
	}
	return out
}
