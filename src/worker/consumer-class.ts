import { ImproperlyConfigured } from '../errors.ts'
import { importReference } from '../util/modules.ts'
import type { ConsumerOptions } from './consumer.ts'
import { Consumer } from './consumer.ts'

/** The default of `workerConsumer`, as in Celery. */
const CELERYS_CONSUMER = 'celery.worker.consumer:Consumer'

/** A class that extends `Consumer`. */
export type ConsumerClass = new (options: ConsumerOptions) => Consumer

/** What keeps a worker connected: ours, or the class of the setting `workerConsumer`. @throws ImproperlyConfigured. */
export async function consumerClass(setting: string | object): Promise<ConsumerClass> {
  if (setting === CELERYS_CONSUMER) return Consumer
  const found =
    typeof setting === 'string' ? await importReference(setting, { option: 'workerConsumer' }) : setting
  if (isConsumerClass(found)) return found
  throw new ImproperlyConfigured('workerConsumer: must be a class that extends Consumer of celeriac/worker')
}

function isConsumerClass(value: unknown): value is ConsumerClass {
  return typeof value === 'function' && (value === Consumer || value.prototype instanceof Consumer)
}
