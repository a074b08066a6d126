/** ASCII punctuation that SQS does not take. */
const PUNCTUATION = /[!-,/:-@[-^`{-~]/g
const FIFO = '.fifo'

/**
 * The name that a queue has in SQS: dots become dashes, other punctuation underscores, the ending of a FIFO queue stays.
 * kombu: `entity_name`.
 */
export function sqsQueueName(name: string): string {
  if (isFifo(name)) return `${legal(name.slice(0, -FIFO.length))}${FIFO}`
  return legal(name)
}

/** Whether a queue keeps the order of its messages. */
export function isFifo(name: string): boolean {
  return name.endsWith(FIFO)
}

function legal(name: string): string {
  return name.replace(/\./g, '-').replace(PUNCTUATION, '_')
}
