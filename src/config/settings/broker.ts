/** Settings of the connection to the broker. */
export const brokerSettings = {
  /**
   * URL of the broker, or several (as a list or separated by `;`) of which the next is tried when one fails.
   * `CELERY_BROKER_URL` in the environment wins over it. When neither is there, the embedded broker is used
   * (`sqlite://`: a file in the working folder).
   */
  brokerUrl: { type: ['string', 'texts'], default: null },
  /** URL for consuming, when it differs. `CELERY_BROKER_READ_URL` in the environment wins over it. */
  brokerReadUrl: { type: ['string', 'texts'], default: null },
  /** URL for publishing, when it differs. `CELERY_BROKER_WRITE_URL` in the environment wins over it. */
  brokerWriteUrl: { type: ['string', 'texts'], default: null },
  /** Name of a transport that takes the place of the scheme of the broker's URL. */
  brokerTransport: { type: 'string', default: null },
  /** What the transport is told beyond the URL; the keys are those of the transport, in snake case as in Celery. */
  brokerTransportOptions: { type: 'options', default: {} },
  /** How long making a connection may take. `null`: as long as it likes. */
  brokerConnectionTimeout: { type: 'duration', default: 4, nullable: true },
  /** Whether a lost connection is made again. */
  brokerConnectionRetry: { type: 'bool', default: true },
  /** Whether the first connection of a worker is tried more than once. `null`: as `brokerConnectionRetry`. */
  brokerConnectionRetryOnStartup: { type: 'bool', default: null },
  /** How often connecting is tried before giving up. `null`: for ever. */
  brokerConnectionMaxRetries: { type: 'int', default: 100, nullable: true },
  /** Whether an error of a channel, too, makes a worker connect anew instead of ending it. */
  brokerChannelErrorRetry: { type: 'bool', default: false },
  /**
   * Order in which several URLs are tried: `'round-robin'` (also for `null`), `'shuffle'`, or a function from the
   * list of URLs to an endless iterable of them.
   */
  brokerFailoverStrategy: { type: ['string', 'function'], default: null },
  /** Interval of heartbeats where the protocol has them (AMQP). 0 or `null`: none. */
  brokerHeartbeat: { type: 'duration', default: 120, nullable: true },
  /** How often per heartbeat the connection is looked after. */
  brokerHeartbeatCheckrate: { type: 'float', default: 3 },
  /** SASL mechanism of AMQP. `null`: what both sides agree on, PLAIN for user and password. */
  brokerLoginMethod: { type: 'string', default: null },
  /** Type of the queues in which RabbitMQ holds delayed messages. */
  brokerNativeDelayedDeliveryQueueType: {
    type: 'string',
    default: 'quorum',
    choices: ['quorum', 'classic'],
  },
  /** How many connections for publishing are kept open. 0 or `null`: one is made for each message. */
  brokerPoolLimit: { type: 'int', default: 10, nullable: true },
  /** How long to wait for a free connection of the pool before an `OperationalError`. `null`: for ever. */
  brokerPoolAcquireTimeout: { type: 'duration', default: null },
  /**
   * Whether the connection is encrypted: `true`, or a dict of options, for AMQP `keyfile`, `certfile`, `ca_certs`
   * and `cert_reqs`, for Redis `ssl_keyfile`, `ssl_certfile`, `ssl_ca_certs` and `ssl_cert_reqs`.
   */
  brokerUseSsl: { type: ['bool', 'dict'], default: false, nullable: true },
  /** Host of the broker, or its URL; used when `brokerUrl` isn't set. */
  brokerHost: { type: 'string', default: null },
  /** Port of the broker, when the URL has none. */
  brokerPort: { type: 'int', default: null },
  /** User at the broker, when the URL has none. */
  brokerUser: { type: 'string', default: null },
  /** Password at the broker, when the URL has none. */
  brokerPassword: { type: 'string', default: null },
  /** Virtual host (RabbitMQ) or number of the database (Redis), when the URL has none. */
  brokerVhost: { type: 'string', default: null },
} as const
