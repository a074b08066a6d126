/** Messaging below tasks: what kombu is to Celery. */
export type { BroadcastOptions } from './messaging/broadcast.ts'
export { Broadcast } from './messaging/broadcast.ts'
export type { ConnectRetryPolicy } from './messaging/connect-retry.ts'
export type { BrokerConnectionOptions, ChannelRequest } from './messaging/connection.ts'
export { BrokerConnection } from './messaging/connection.ts'
export type {
  BindingOptions,
  Declarable,
  DeliveryMode,
  ExchangeOptions,
  QueueOptions,
} from './messaging/entity.ts'
export { Exchange, Queue, QueueBinding } from './messaging/entity.ts'
export type { FailoverStrategy } from './messaging/failover.ts'
export type {
  Delivery,
  DeliveryTag,
  MessageHeaders,
  MessageProperties,
  OutgoingMessage,
  PublishTarget,
} from './messaging/message.ts'
export type { ProducerOptions, PublishOptions } from './messaging/producer.ts'
export { Producer } from './messaging/producer.ts'
export { queueFromDict } from './messaging/queue-from-dict.ts'
export { Decimal } from './messaging/serialization/decimal.ts'
export { PlainDate } from './messaging/serialization/plain-date.ts'
export { PlainTime } from './messaging/serialization/plain-time.ts'
export { PreciseDate } from './messaging/serialization/precise-date.ts'
export type { Serializer, ToWire } from './messaging/serialization/serializer.ts'
export { Uuid } from './messaging/serialization/uuid.ts'
export type {
  Binding,
  Channel,
  ConsumeOptions,
  ConsumerHandle,
  ExchangeDeclaration,
  PublishTicket,
  QueueDeclaration,
  QueueStatus,
  Transport,
  TransportConnection,
  TransportFeatures,
  TransportOptions,
} from './messaging/transport.ts'
export { resolveTransport, transportSchemes } from './messaging/transports/resolve-transport.ts'
export type {
  BindingTable,
  Fanout,
  QueueStore,
  QueueStoreDeclaration,
  QueueStoreFeatures,
  StoredBinding,
  StoredMessage,
  Taken,
} from './messaging/virtual/queue-store.ts'
export type { VirtualTransportOptions } from './messaging/virtual/virtual-transport.ts'
export { virtualTransport } from './messaging/virtual/virtual-transport.ts'
export { Float } from './util/float.ts'
