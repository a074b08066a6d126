/** What RabbitMQ needs to keep tasks until they are due, declared when a worker starts. Celery: `DelayedDelivery`. */
import { ConnectionError } from '../errors.ts'
import type { Transport, TransportConnection, TransportOptions } from '../messaging/transport.ts'
import { sleep } from '../util/abort.ts'
import type { IntervalPolicy } from '../util/backoff.ts'
import { intervals } from '../util/backoff.ts'
import type { Logger } from '../util/logger.ts'
import { sanitizeUrl } from '../util/url.ts'
import type { ConsumedQueue } from './consumer.ts'

/** What has to be declared on each broker. */
export interface DelayedDeliveryPlan {
  /** The brokers that are published to. */
  readonly brokers: readonly TransportOptions[]
  /** Where messages wait. */
  readonly levels: Pick<ConsumedQueue, 'declare'>
  /** The queues that get them. */
  readonly queues: readonly DelayedQueuePlan[]
}

/** One of the queues. */
export interface DelayedQueuePlan extends Pick<ConsumedQueue, 'declare'> {
  /** Names of its direct exchanges, which delayed messages cannot come through. */
  readonly direct: readonly string[]
}

/** What `setUpDelayedDelivery` works with. */
export interface DelayedDeliveryContext {
  readonly resolve: (url: string) => Promise<Transport>
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Default: Celery's, three times from 1 second on. */
  readonly retry?: IntervalPolicy
}

/** What delayed delivery needs of the app. */
export interface DelayedDeliveryApp {
  delayedDelivery(options: {
    readonly select: readonly string[]
    readonly exclude: readonly string[]
  }): DelayedDeliveryPlan | undefined
  resolveTransport(url: string): Promise<Transport>
}

const RETRY: IntervalPolicy = { start: 1000, step: 2000, max: 30_000, maxRetries: 3 }

/** Sets delayed delivery up for the queues that a worker consumes, if the app has any that need it. */
export async function startDelayedDelivery(
  app: DelayedDeliveryApp,
  {
    queues,
    excludeQueues,
  }: { readonly queues: readonly string[]; readonly excludeQueues: readonly string[] },
  context: Omit<DelayedDeliveryContext, 'resolve'>,
): Promise<void> {
  const plan = app.delayedDelivery({ select: queues, exclude: excludeQueues })
  if (plan === undefined || context.signal.aborted) return
  await setUpDelayedDelivery(plan, { ...context, resolve: (url) => app.resolveTransport(url) })
}

/**
 * Declares it on all brokers. What goes wrong is logged, and the worker runs all the same: its tasks then wait with it
 * until they are due. Rejects only when the signal aborts.
 */
export async function setUpDelayedDelivery(
  plan: DelayedDeliveryPlan,
  context: DelayedDeliveryContext,
): Promise<void> {
  const { logger, signal } = context
  for (const name of new Set(plan.queues.flatMap(({ direct }) => direct))) {
    logger.warn(
      `Exchange ${name} is a direct exchange and native delayed delivery do not support direct exchanges.\n` +
        'ETA tasks published to this exchange will block the worker until the ETA arrives.',
    )
  }
  let failed = 0
  for (const broker of plan.brokers) {
    try {
      await persist(() => declareAll(broker, plan, context), context)
    } catch (error) {
      if (signal.aborted) throw error
      failed += 1
      logger.warn(`Failed to setup delayed delivery for '${sanitizeUrl(broker.url)}': ${messageOf(error)}`)
    }
  }
  if (failed === plan.brokers.length) {
    logger.critical(
      'Failed to setup delayed delivery for all broker URLs. Native delayed delivery will not be available.',
    )
  }
}

/** A broker that cannot be reached may come back soon; one that refuses will go on refusing. */
async function persist(
  attempt: () => Promise<void>,
  { logger, signal, retry = RETRY }: DelayedDeliveryContext,
): Promise<void> {
  const pauses = intervals(retry)
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt()
    } catch (error) {
      const pause = error instanceof ConnectionError && error.recoverable ? pauses.next() : undefined
      if (pause === undefined || pause.done === true) throw error
      logger.warn(
        `Retrying delayed delivery setup (attempt ${attempts}/${retry.maxRetries}) after error: ` +
          `${messageOf(error)}. Sleeping ${(pause.value / 1000).toFixed(2)} seconds.`,
      )
      await sleep(pause.value, { signal })
    }
  }
}

async function declareAll(
  broker: TransportOptions,
  { levels, queues }: DelayedDeliveryPlan,
  { resolve, logger }: DelayedDeliveryContext,
): Promise<void> {
  const transport = await resolve(broker.url)
  const connection = await transport.connect(broker)
  try {
    const channel = await connection.openChannel()
    await levels.declare(channel)
    for (const queue of queues) await queue.declare(channel)
  } finally {
    await closeQuietly(connection, logger)
  }
}

async function closeQuietly(connection: TransportConnection, logger: Logger): Promise<void> {
  try {
    await connection.close()
  } catch (error) {
    logger.debug(`delayed delivery: closing the connection failed: ${messageOf(error)}`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
