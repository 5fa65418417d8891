/** Numbers of the Server API, for calls in both directions. Source: RongCloud, broadcast push document, unless noted. */
export const LIMITS = {
  /** Tags of one person, and of each list of an audience. */
  tags: 20,
  /** UTF-8. */
  tagBytes: 40,
  /** UTF-8. Source: "获取 Token". */
  userIdBytes: 64,
  /** People of one batch of tags. */
  taggedUsers: 1000,
  /** People that one push names. */
  pushUsers: 1000,
  objectNameCharacters: 32,
  badge: 9999,
  /** Of a push to users; Unverified for `/push`. Source: the vendor's Go SDK, "PushNotification". */
  titleCharacters: 50,
  /** The first size that is refused. Source: list of error codes, 1508. */
  bodyBytes: 102_400,
} as const;

/** A character that a tag may have. Unverified: which ones the vendor calls special. */
export const TAG_CHARACTER = String.raw`[\p{L}\p{M}\p{N}_-]`;
