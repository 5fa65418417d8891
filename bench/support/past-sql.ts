/**
 * The statements behind {@link writePast}. Ids follow from a number and a time, so that rows find those they belong to
 * without a join.
 */

export const PAST_ID = `
  CREATE FUNCTION past_id(kind text, number bigint, ms bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(ms), 12, '0') || '7' || left(md5(kind || number::text), 19))::uuid
  $$`;

/** Milliseconds since 1970 → timestamptz. */
const at = (ms: string): string => `to_timestamp((${ms}) / 1000.0)`;
const EXPIRES_AFTER_MS = 86_400_000;
/** From the callback to its notification, and on to its deliveries and their end. */
const [ROUTED_MS, PLANNED_MS, DONE_MS] = [20, 25, 90];

const PERSON = `'person-' || number % 5000`;
const KEY = `'nim:msg:' || 9000000000000 + number`;
const ALIAS = `'nim:client:staff-7:' || md5(number::text)::uuid`;

/** As the platform writes them of a NIM message of 1 KB; what differs from message to message is laid over it. */
const EVENT = JSON.stringify({
  kind: 'conversation.message',
  push: {
    notify: true,
    extras: { kind: 'conversation.message', vendor: 'nim', fromAccount: 'staff-7', sessionType: 'p2p' },
  },
  sender: { id: 'staff-7', name: '客服小王', role: 'user' },
  message: { id: '10000000007', text: 'x'.repeat(600), type: 'text', vendorType: 'TEXT' },
  attributes: { convType: 'PERSON', resendFlag: '0', fromClientType: 'IOS' },
  conversation: { id: 'staff-7', type: 'direct' },
});
const COPY = { title: '客服小王', body: `${'x'.repeat(105)}…` };
const CONTENT = JSON.stringify({
  copy: { en: COPY, 'zh-CN': COPY, default: COPY },
  sound: 'default',
  extras: { kind: 'conversation.message', vendor: 'nim', fromAccount: 'staff-7', sessionType: 'p2p' },
  threadId: 'staff-7',
});
const HEADERS = JSON.stringify({
  host: 'push.example.com',
  'content-length': '1024',
  'content-type': 'application/json',
  appkey: '0'.repeat(32),
  curtime: '1790000000000',
  md5: '0'.repeat(32),
  checksum: '0'.repeat(40),
});

/**
 * Callbacks with what each led to. $1 app, $2 integration of the vendor, $3 number of the first, $4 how many, $5 time of
 * the first (ms), $6 ms that they take, $7 deliveries for each.
 */
export const CALLBACKS = `
  WITH callback AS (
    SELECT $3::bigint + n AS number, $5::bigint + n * $6::bigint / $4::int AS ms FROM generate_series(0, $4::int - 1) AS n
  ), stored AS (
    INSERT INTO inbound_event (app_id, id, integration_id, callback_id, position, key, alias_key, kind, state, conversation,
                               event, notification_id, occurred_at, received_at, settled_at)
    SELECT $1::uuid, past_id('evt', number, ms + 1), $2::uuid, past_id('cbk', number, ms), 0, ${KEY}, ${ALIAS},
           'conversation.message', 'routed', 'staff-7',
           '${EVENT}'::jsonb || jsonb_build_object('key', ${KEY}, 'aliasKey', ${ALIAS}, 'occurredAt', ${at('ms')}, 'recipient',
             jsonb_build_object('devices', '[]'::jsonb, 'identities',
               jsonb_build_array(jsonb_build_object('kind', 'nim.accid', 'value', ${PERSON})))),
           past_id('ntf', number, ms + ${ROUTED_MS}), ${at('ms')}, ${at('ms')}, ${at(`ms + ${ROUTED_MS}`)}
    FROM callback
  ), kept AS (
    INSERT INTO inbound_raw (app_id, callback_id, integration_id, method, path, query, headers, body, received_at)
    SELECT $1, past_id('cbk', number, ms), $2, 'POST', '', '{}', '${HEADERS}',
           convert_to(rpad('{"msgidServer":"' || 9000000000000 + number || '","body":"', 1022, 'x') || '"}', 'UTF8'), ${at('ms')}
    FROM callback
  )
  INSERT INTO notification (app_id, id, source, event_id, integration_id, category, content, audience, decisions, priority,
                            state, target_count, expires_at, created_at, done_at)
  SELECT $1, past_id('ntf', number, ms + ${ROUTED_MS}), 'event', past_id('evt', number, ms + 1), $2,
         'conversation.message', '${CONTENT}'::jsonb,
         jsonb_build_object('identities', jsonb_build_array('nim.accid:' || ${PERSON})),
         jsonb_build_array('nim.accid ' || ${PERSON} || ': user ' || ${PERSON} || ' (taken for our user id)'),
         'high', 'done', $7::int, ${at(`ms + ${EXPIRES_AFTER_MS}`)}, ${at(`ms + ${ROUTED_MS}`)}, ${at(`ms + ${DONE_MS}`)}
  FROM callback`;

/** $1 app, $2 number, $3 time (ms), $4 targets. */
export const BROADCAST = `
  INSERT INTO notification (app_id, id, source, category, content, audience, priority, state, target_count, starts_at,
                            ttl_seconds, reachable, expires_at, created_at, done_at)
  SELECT $1::uuid, past_id('all', $2::bigint, $3::bigint), 'api', 'marketing',
         '{"copy":{"default":{"title":"大促","body":"全场满 300 减 40，今晚八点开始"}},"extras":{}}',
         '{"everyone":true}', 'normal', 'done', $4::int, ${at('$3::bigint')}, ${EXPIRES_AFTER_MS / 1000},
         jsonb_build_object('ios', $4::int / 2, 'android', $4::int / 2),
         ${at(`$3::bigint + ${EXPIRES_AFTER_MS}`)}, ${at('$3::bigint')}, ${at('$3::bigint + 60000')}`;

/**
 * The deliveries of such callbacks and of the broadcast after them. $1 app, $2 integration of the channel, $3 … $7 as in
 * {@link CALLBACKS}, $8 number and $9 time (ms) of the broadcast, $10 its targets, $11 number of the first delivery,
 * $12 broadcast deliveries per second.
 */
export const deliveriesInto = (partition: string): string => `
  INSERT INTO ${partition} (app_id, id, notification_id, integration_id, channel, device_id, user_id, platform, locale,
                            priority, state, reason, attempts, attempt_count, fence, vendor_message_id, expires_at,
                            created_at, updated_at)
  SELECT $1::uuid, past_id('dlv', number, ms + ${PLANNED_MS}),
         CASE WHEN chat THEN past_id('ntf', $3::bigint + target, ms + ${ROUTED_MS})
              ELSE past_id('all', $8::bigint, $9::bigint) END,
         $2::uuid, 'apns', md5('device' || person)::uuid, 'person-' || person,
         CASE number % 2 WHEN 0 THEN 'ios' ELSE 'android' END, 'zh-CN', CASE WHEN chat THEN 'high' ELSE 'normal' END,
         state, reason,
         CASE WHEN outcome IS NULL THEN '[]'
              ELSE ('[{"at":"' || to_char(${at(`ms + ${DONE_MS}`)} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
                    || '","outcome":"' || outcome || CASE WHEN reason IS NULL THEN '' ELSE '","reason":"' || reason END
                    || '","ms":' || 20 + number % 60 || '}]')::jsonb END,
         CASE WHEN outcome IS NULL THEN 0 ELSE 1 END, CASE WHEN outcome IS NULL THEN 0 ELSE 1 END,
         CASE outcome WHEN 'accepted' THEN past_id('dlv', number, ms + ${PLANNED_MS})::text END,
         ${at(`ms + ${EXPIRES_AFTER_MS}`)}, ${at(`ms + ${PLANNED_MS}`)}, ${at(`ms + ${DONE_MS}`)}
  FROM (
    SELECT $11::bigint + i AS number, i < $4::int * $7::int AS chat,
           CASE WHEN i < $4::int * $7::int THEN i / $7::int ELSE i - $4::int * $7::int END AS target,
           CASE WHEN i < $4::int * $7::int THEN $5::bigint + i / $7::int * $6::bigint / $4::int
                ELSE $9::bigint + (i - $4::int * $7::int) * 1000::bigint / $12::int END AS ms
    FROM generate_series(0, $4::int * $7::int + $10::int - 1) AS i
  ) numbered
  CROSS JOIN LATERAL (SELECT CASE WHEN chat THEN target % 5000 ELSE target END AS person, number * 7919 % 100 AS dice) drawn
  CROSS JOIN LATERAL (
    SELECT CASE WHEN dice < 88 THEN 'accepted' WHEN dice < 92 THEN 'delivered' WHEN dice < 94 THEN 'opened'
                WHEN dice < 97 THEN 'skipped' ELSE 'failed' END AS state,
           CASE WHEN dice < 94 THEN NULL WHEN dice < 97 THEN 'do_not_disturb' ELSE 'token.unregistered' END AS reason,
           CASE WHEN dice < 94 THEN 'accepted' WHEN dice < 97 THEN NULL ELSE 'invalidTarget' END AS outcome
  ) ended`;

/** What apps reported about the deliveries of a partition. */
export const receiptsOf = (partition: string): string => `
  INSERT INTO receipt (app_id, delivery_id, subject, kind, platform, at, received_at)
  SELECT app_id, id, device_id::text, kind, platform, updated_at + interval '2 seconds', updated_at + interval '3 seconds'
  FROM ${partition} CROSS JOIN (VALUES ('delivered'), ('opened')) AS k (kind)
  WHERE state = 'opened' OR state = kind`;

/** The figures of the days of a partition; a day that ends in the next month stays with this one. */
export const dailyOf = (partition: string): string => `
  INSERT INTO delivery_daily (app_id, day, channel, platform, targeted, pushed, skipped, failed, delivered, opened)
  SELECT app_id, (created_at AT TIME ZONE 'Asia/Shanghai')::date, channel, platform, count(*),
         count(*) FILTER (WHERE state IN ('accepted', 'delivered', 'opened')), count(*) FILTER (WHERE state = 'skipped'),
         count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state IN ('delivered', 'opened')),
         count(*) FILTER (WHERE state = 'opened')
  FROM ${partition} GROUP BY 1, 2, 3, 4
  ON CONFLICT DO NOTHING`;
