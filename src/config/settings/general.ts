/** Settings without a prefix. */
export const generalSettings = {
  /**
   * Serializers, by name or content type, that a consumer decodes. A message of any other content type is refused
   * without being looked into.
   */
  acceptContent: { type: 'texts', default: ['json'], old: 'CELERY_ACCEPT_CONTENT' },
  /** The same for what is read from the result backend. `null`: as `acceptContent`. */
  resultAcceptContent: { type: 'texts', default: null },
  /**
   * Whether times in messages are in UTC. When off, and without a `timezone`, the time zone of the machine is used.
   */
  enableUtc: { type: 'bool', default: true },
  /** Modules that a worker or a beat imports when it starts, in this order. */
  imports: { type: 'texts', default: [], old: 'CELERY_IMPORTS' },
  /** More modules to import, after `imports`. What `-I` and the `include` of the constructor set. */
  include: { type: 'texts', default: [], old: 'CELERY_INCLUDE' },
  /**
   * Name of the time zone (IANA, e.g. `Europe/Berlin`) in which crontabs and times without a zone are meant. `null`:
   * UTC, or that of the machine when `enableUtc` is off. Django's `TIME_ZONE` is understood too.
   */
  timezone: { type: 'string', default: null, old: ['CELERY_TIMEZONE', 'TIME_ZONE'] },
} as const
