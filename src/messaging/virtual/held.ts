/**
 * The deliveries of a channel that nobody has settled yet. kombu: `virtual.QoS`.
 *
 * States of a delivery: **held** (delivered, counted by the prefetch limit, its lease renewed) → **settling** (`settle`
 * or `requeue` was called; it waits for the end of the turn and for the store) → gone. When the store refuses, it is
 * held again, so that it can be tried once more or given back at the close.
 */
import { ChannelError } from '../../errors.ts'
import { Batcher } from '../../util/batcher.ts'
import type { Clock, TimerHandle } from '../../util/clock.ts'
import type { DeliveryTag } from '../message.ts'
import type { Postponed } from '../transport.ts'
import type { QueueStore, StoredMessage, Taken } from './queue-store.ts'
import { VirtualDelivery } from './virtual-delivery.ts'

/** Whom `Held` tells what happens. */
export interface HeldOptions {
  readonly store: QueueStore
  readonly clock: Clock
  /** Deliveries were settled: there is room for others. */
  readonly freed: () => void
  /** Copies of broadcasts were requeued: the store does not know them, so they stay in this process. */
  readonly redeliver: (deliveries: readonly VirtualDelivery[]) => void
  /** The leases could not be renewed. */
  readonly failed: (error: unknown) => void
}

/** See the module's description. */
export class Held {
  readonly #options: HeldOptions
  readonly #store: QueueStore
  readonly #held = new Map<DeliveryTag, VirtualDelivery>()
  readonly #settling: Batcher<VirtualDelivery>
  readonly #discarding: Batcher<VirtualDelivery>
  readonly #requeuing: Readonly<Record<'front' | 'back', Batcher<VirtualDelivery>>>
  readonly #postponing: Batcher<VirtualDelivery>
  /** Of those that are being postponed. */
  readonly #until = new WeakMap<VirtualDelivery, number>()
  #lastTag = 0
  #renewal: TimerHandle | undefined
  #abandoned = false

  constructor(options: HeldOptions) {
    this.#options = options
    this.#store = options.store
    this.#settling = new Batcher((batch) => this.#tell(batch, (taken) => this.#store.settle(taken)), {
      concurrent: true,
    })
    const discard = options.store.discard?.bind(options.store)
    this.#discarding = discard ? new Batcher((batch) => this.#tell(batch, discard)) : this.#settling
    this.#requeuing = {
      front: new Batcher((batch) => {
        const inOrder = batch.toSorted((one, other) => one.tag - other.tag)
        return this.#tell(inOrder, (taken) => this.#store.restore(taken, 'front'))
      }),
      back: new Batcher((batch) => this.#tell(batch, (taken) => this.#store.restore(taken, 'back'))),
    }
    this.#postponing = new Batcher((batch) => this.#tell(batch, () => this.#postpone(batch)))
  }

  /** How many deliveries count against the prefetch limit. */
  get size(): number {
    return this.#held.size
  }

  /** A delivery that is held from now on. */
  add(queue: string, message: StoredMessage, taken: Taken | undefined): VirtualDelivery {
    const delivery = new VirtualDelivery(++this.#lastTag, queue, message, taken)
    this.#hold(delivery)
    return delivery
  }

  /** A delivery that counts as settled when it is delivered; `settleNow` tells the store. */
  addSettled(queue: string, message: StoredMessage, taken: Taken | undefined): VirtualDelivery {
    return new VirtualDelivery(++this.#lastTag, queue, message, taken)
  }

  /** Tells the store that deliveries are done which were never held. */
  settleNow(deliveries: readonly VirtualDelivery[]): Promise<void> {
    let done: Promise<void> | undefined
    for (const delivery of deliveries) {
      if (delivery.taken !== undefined) done = this.#settling.add(delivery)
    }
    return done ?? Promise.resolve()
  }

  /** Settles when the store has forgotten them. Rejects with `ChannelError` for tags that are not held. */
  settle(tags: readonly DeliveryTag[]): Promise<void> {
    return this.#finish(tags, this.#settling)
  }

  /** Settles when the store has dealt with what was rejected. Rejects with `ChannelError` for tags that are not held. */
  discard(tags: readonly DeliveryTag[]): Promise<void> {
    return this.#finish(tags, this.#discarding)
  }

  /** Settles when they are back in their queues. Rejects with `ChannelError` for tags that are not held. */
  requeue(tags: readonly DeliveryTag[], position: 'front' | 'back'): Promise<void> {
    let done: Promise<void> | undefined
    let unknown: DeliveryTag | undefined
    const local: VirtualDelivery[] = []
    for (const tag of tags) {
      const delivery = this.#held.get(tag)
      if (delivery === undefined) unknown = tag
      else {
        this.#held.delete(tag)
        if (delivery.taken === undefined) local.push(delivery)
        else done = this.#requeuing[position].add(delivery)
      }
    }
    if (local.length > 0) this.#options.redeliver(local)
    this.#options.freed()
    return unknown === undefined ? (done ?? Promise.resolve()) : refuse(unknown, done)
  }

  /** Settles when the store keeps them until they are due. Rejects with `ChannelError` for tags that are not held. */
  postpone(postponed: readonly Postponed[]): Promise<void> {
    let done: Promise<void> | undefined
    let unknown: DeliveryTag | undefined
    for (const { tag, until } of postponed) {
      const delivery = this.#held.get(tag)
      if (delivery === undefined) unknown = tag
      else if (delivery.taken !== undefined) {
        this.#held.delete(tag)
        this.#until.set(delivery, until)
        done = this.#postponing.add(delivery)
      }
    }
    this.#options.freed()
    return unknown === undefined ? (done ?? Promise.resolve()) : refuse(unknown, done)
  }

  /** Resolves when the store has answered to everything that was settled or requeued so far, well or badly. */
  async drain(): Promise<void> {
    await this.#settling.drain()
    await this.#discarding.drain()
    await this.#requeuing.front.drain()
    await this.#requeuing.back.drain()
    await this.#postponing.drain()
  }

  /** Gives everything held back, to be served next and in the order in which it was delivered. */
  async restoreAll(): Promise<void> {
    const taken: Taken[] = []
    for (const delivery of this.#held.values()) if (delivery.taken !== undefined) taken.push(delivery.taken)
    this.abandon()
    if (taken.length > 0) await this.#store.restore(taken, 'front')
  }

  /** Holds nothing any more and renews nothing: what the store has recorded as ours it will find by itself. */
  abandon(): void {
    this.#abandoned = true
    this.#held.clear()
    this.#renewal?.cancel()
    this.#renewal = undefined
  }

  #finish(tags: readonly DeliveryTag[], batcher: Batcher<VirtualDelivery>): Promise<void> {
    let done: Promise<void> | undefined
    let unknown: DeliveryTag | undefined
    for (const tag of tags) {
      const delivery = this.#held.get(tag)
      if (delivery === undefined) unknown = tag
      else {
        this.#held.delete(tag)
        if (delivery.taken !== undefined) done = batcher.add(delivery)
      }
    }
    this.#options.freed()
    return unknown === undefined ? (done ?? Promise.resolve()) : refuse(unknown, done)
  }

  async #postpone(batch: readonly VirtualDelivery[]): Promise<void> {
    const postponed = batch.flatMap((delivery) => {
      const { taken } = delivery
      return taken === undefined ? [] : [{ taken, until: this.#until.get(delivery) ?? 0 }]
    })
    await this.#store.postpone?.(postponed)
  }

  async #tell(
    batch: readonly VirtualDelivery[],
    verb: (taken: readonly Taken[]) => Promise<void>,
  ): Promise<void> {
    const taken: Taken[] = []
    for (const delivery of batch) if (delivery.taken !== undefined) taken.push(delivery.taken)
    try {
      await verb(taken)
    } catch (error) {
      for (const delivery of batch) this.#hold(delivery)
      throw error
    }
  }

  #hold(delivery: VirtualDelivery): void {
    if (this.#abandoned) return
    this.#held.set(delivery.tag, delivery)
    if (this.#renewal === undefined && delivery.taken !== undefined) this.#scheduleRenewal()
  }

  #scheduleRenewal(): void {
    const { lease } = this.#store
    if (lease === undefined) return
    this.#renewal = this.#options.clock.setTimeout(() => void this.#renew(lease), lease.everyMs)
    this.#renewal.unref()
  }

  async #renew(lease: NonNullable<QueueStore['lease']>): Promise<void> {
    const taken: Taken[] = []
    for (const delivery of this.#held.values()) if (delivery.taken !== undefined) taken.push(delivery.taken)
    try {
      if (taken.length > 0) await lease.renew(taken)
    } catch (error) {
      if (!this.#abandoned) this.#options.failed(error)
      return
    }
    this.#renewal = undefined
    if (this.#held.size > 0) this.#scheduleRenewal()
  }
}

async function refuse(tag: DeliveryTag, rest: Promise<void> | undefined): Promise<never> {
  await rest
  throw new ChannelError(
    `Unknown delivery tag ${JSON.stringify(tag)}: it was settled before or delivered on another channel`,
    { recoverable: false },
  )
}
