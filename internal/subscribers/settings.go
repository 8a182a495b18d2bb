package subscribers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// Settings is what editors set of lists and publications. Each act is in the audit log, with who did it.
type Settings struct{ store *Store }

// NewSettings returns the settings of a store's lists.
func NewSettings(s *Store) *Settings { return &Settings{s} }

// ListVersion names what a list says at a moment, for Save.
func ListVersion(l List) string {
	data, err := json.Marshal(l)
	if err != nil {
		return "" // strings, numbers and times only
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:12])
}

// Create is Store.CreateList by a person.
func (s *Settings) Create(ctx context.Context, l List, who string) (List, error) {
	l, err := s.store.Policy.checkList(l)
	if err != nil {
		return List{}, err
	}
	err = db.InTx(ctx, s.store.db, func(tx *sqlx.Tx) (err error) {
		if l, err = insertList(ctx, tx, l); err != nil {
			return err
		}
		return audit.Log(ctx, tx, who, "list.create", "list "+l.Slug, nil)
	})
	return l, err
}

// Save changes the list with l's id. was is the ListVersion that the person saw: where somebody else has saved since, nothing is
// changed and the error is errs.Conflict. Other errors are those of Store.UpdateList.
func (s *Settings) Save(ctx context.Context, l List, was, who string) (List, error) {
	l, err := s.store.Policy.checkList(l)
	if err != nil {
		return List{}, err
	}
	var saved List
	err = db.InTx(ctx, s.store.db, func(tx *sqlx.Tx) error {
		var before List
		if err := tx.GetContext(ctx, &before, `SELECT `+listColumns+` FROM lists WHERE id = $1 FOR NO KEY UPDATE`, l.ID); err != nil {
			return db.Err(err, "find the list")
		}
		switch {
		case ListVersion(before) != was:
			return errs.New(errs.Conflict, "somebody else has changed this list since you opened it; open it in another tab, compare, and save again")
		case before.Slug != l.Slug:
			return errs.Field("slug", "the slug of a list never changes, because readers filter mail by it; it is %s", before.Slug)
		}
		if err := updateList(ctx, tx, l); err != nil {
			return err
		}
		if err := tx.GetContext(ctx, &saved, `SELECT `+listColumns+` FROM lists WHERE id = $1`, l.ID); err != nil {
			return db.Err(err, "find the list")
		}
		changed, err := changedNames(before, saved)
		if err != nil || len(changed) == 0 {
			return err
		}
		return audit.Log(ctx, tx, who, "list.update", "list "+l.Slug, map[string]any{"changed": changed})
	})
	return saved, err
}

// CreatePublication is Publications.Create by a person.
func (s *Settings) CreatePublication(ctx context.Context, p Publication, who string) (Publication, error) {
	return s.publication(ctx, p, who, "publication.create", insertPublication)
}

// SavePublication is Publications.Update by a person.
func (s *Settings) SavePublication(ctx context.Context, p Publication, who string) (Publication, error) {
	return s.publication(ctx, p, who, "publication.update", updatePublication)
}

func (s *Settings) publication(ctx context.Context, p Publication, who, act string, write func(context.Context, db.Q, Publication) (Publication, error)) (Publication, error) {
	p, err := checkPublication(p)
	if err != nil {
		return Publication{}, err
	}
	err = db.InTx(ctx, s.store.db, func(tx *sqlx.Tx) (err error) {
		if p, err = write(ctx, tx, p); err != nil {
			return err
		}
		return audit.Log(ctx, tx, who, act, "publication "+p.Slug, nil)
	})
	return p, err
}

// changedNames returns the names of the fields in which two values differ.
func changedNames(before, after any) ([]string, error) {
	var a, b map[string]any
	for v, to := range map[any]*map[string]any{before: &a, after: &b} {
		data, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(data, to)
		}
		if err != nil {
			return nil, errs.Wrap(err, errs.Internal, "compare the settings")
		}
	}
	var names []string
	for name, v := range b {
		if was, ok := a[name]; !ok || was != v {
			names = append(names, name)
		}
	}
	for name := range a {
		if _, ok := b[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
