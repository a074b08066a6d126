/**
 * `s3://`: one object per result in a bucket, which has to be there. Where, and with which keys, the settings `s3Bucket`,
 * `s3BasePath`, `s3EndpointUrl`, `s3Region`, `s3AccessKeyId` and `s3SecretAccessKey` say. Nothing expires by itself: give
 * the bucket a lifecycle rule. Needs the package `@aws-sdk/client-s3`. Celery: `S3Backend`.
 */
import type { Backend, BackendOptions } from '../backend.ts'
import { KeyValueBackend } from '../key-value-backend.ts'
import { readS3Options } from './s3-options.ts'
import { openS3 } from './s3-store.ts'

/** Opens the backend; it connects when it is first used. @throws ImproperlyConfigured */
export async function createS3Backend(options: BackendOptions): Promise<Backend> {
  return new KeyValueBackend(await openS3(readS3Options(options.url, options.settings)), options)
}
