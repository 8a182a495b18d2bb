-- +goose Up

ALTER TABLE campaigns
    ADD COLUMN frequency text NOT NULL DEFAULT 'all' CHECK (frequency IN ('all', 'each', 'weekly'));
COMMENT ON COLUMN campaigns.frequency IS 'whom it is for by how often they want mail: who chose each edition, who chose weekly, or all';

-- Recipes from before are of the usual kind, and so are their editions that wait.
UPDATE digests SET recipe = recipe || '{"frequency": "each"}' WHERE NOT recipe ? 'frequency';
UPDATE campaigns SET frequency = 'each' WHERE digest_id IS NOT NULL AND state <> 'launched';

ALTER TABLE campaign_stories
    ADD COLUMN groups bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN campaign_stories.groups IS 'optional groups that a reader must have had to be sent this story, as launched; 0: everybody';

ALTER TABLE sends
    ADD COLUMN frequency      text NOT NULL DEFAULT 'all' CHECK (frequency IN ('all', 'each', 'weekly')),
    ADD COLUMN rule           jsonb,
    ADD COLUMN topic_groups   bigint NOT NULL DEFAULT 0,
    ADD COLUMN story_groups   bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN heading_groups bigint[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN sends.frequency IS 'only readers who chose to hear this often are in the audience; all: everybody';
COMMENT ON COLUMN sends.rule IS 'narrows the audience, in the language of segments; null: nobody is left out by it';
COMMENT ON COLUMN sends.topic_groups IS 'groups of topics in the message: the group of a topic is 2 + its bit, switched off for who does not want it';
COMMENT ON COLUMN sends.story_groups IS
    'what a reader must have for each story; who has none of them is not in the audience. Empty: some story is always there';
COMMENT ON COLUMN sends.heading_groups IS
    'pairs: the group of a heading, and the groups of the stories below it. It is switched off for who has had all of these';

CREATE TABLE send_repeats (
    campaign_id bigint NOT NULL,
    earlier     bigint NOT NULL,
    had         bigint NOT NULL,
    off         bigint NOT NULL,
    PRIMARY KEY (campaign_id, earlier, had)
);
COMMENT ON TABLE send_repeats IS
    'stories of a send that earlier campaigns to other lists have carried: switched off for readers who were sent them there';
COMMENT ON COLUMN send_repeats.had IS 'groups that a delivery of the earlier campaign had to have to carry the stories';
COMMENT ON COLUMN send_repeats.off IS 'groups of the stories in this message';
