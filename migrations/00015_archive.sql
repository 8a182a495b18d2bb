-- +goose Up

ALTER TABLE campaigns ADD COLUMN archive_hidden boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN campaigns.archive_hidden IS 'an editor keeps it out of the public archive';
CREATE INDEX campaigns_archive ON campaigns (list_id, id) WHERE state = 'launched' AND NOT archive_hidden;

CREATE VIEW public_sends AS
    SELECT s.campaign_id, s.list_id, greatest(s.not_before, s.undo_until) AS since,
           (SELECT max(m.revision) FROM messages m WHERE m.campaign_id = s.campaign_id) AS revision
    FROM sends s
    WHERE s.rule IS NULL
      AND s.slice_state NOT IN ('out', 'failed')
      AND greatest(s.not_before, s.undo_until) <= clock_timestamp()
      AND (s.state IN ('running', 'done')
           OR s.state IN ('paused', 'expired') AND EXISTS (SELECT FROM chunks k WHERE k.campaign_id = s.campaign_id AND k.accepted > 0));
COMMENT ON VIEW public_sends IS
    'sends that anybody may know of: they go to the whole list, have begun, and nothing is in their way. Not those that were cancelled, still can be '
    'taken back, wait for what comes of their first slice, or stopped before anybody had them';
