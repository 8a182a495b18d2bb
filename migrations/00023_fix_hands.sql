-- +goose Up

ALTER TABLE campaign_fixes ADD COLUMN hands text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN campaign_fixes.hands IS 'all who have written any part of it; with four eyes somebody else puts it in place';
-- Who wrote before this was kept stands in the audit log, since the fix was begun or an older one of the campaign was put in place or dropped.
UPDATE campaign_fixes f SET hands = ARRAY(SELECT DISTINCT a.actor FROM audit_log a
    WHERE a.action = 'campaign.fix_write' AND a.subject = 'campaign ' || f.campaign_id
        AND a.at > coalesce((SELECT max(o.at) FROM audit_log o WHERE o.action IN ('campaign.fix', 'campaign.fix_drop') AND o.subject = a.subject), '-infinity')
    UNION SELECT f.edited_by)
    WHERE f.released_at IS NULL AND f.dropped_at IS NULL;
