/** Settings `s3_*`: Celery's names in, checked values out. */
import { ImproperlyConfigured } from '../../errors.ts'
import { OptionReader } from '../../util/option-reader.ts'
import { parseUrl } from '../../util/url.ts'

/** Where results are, and who asks for them. */
export interface S3Options {
  readonly bucket: string
  /** Before every key, as it is. */
  readonly basePath: string
  /** Undefined: Amazon's. */
  readonly endpoint: string | undefined
  /** Undefined: what the AWS SDK finds by itself. */
  readonly region: string | undefined
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
}

/** @throws ImproperlyConfigured when there is no bucket, or one half of a key. */
export function readS3Options(url: string, settings: Readonly<Record<string, unknown>>): S3Options {
  const reader = new OptionReader(settings, 'the settings of s3://')
  const bucket = reader.text('s3_bucket') || parseUrl(url).hostname
  if (bucket === undefined) {
    throw new ImproperlyConfigured('The result backend s3:// needs the name of a bucket: set s3Bucket')
  }
  return {
    bucket,
    basePath: reader.text('s3_base_path') ?? '',
    endpoint: reader.text('s3_endpoint_url') || undefined,
    region: reader.text('s3_region') || undefined,
    credentials: credentials(reader.text('s3_access_key_id'), reader.text('s3_secret_access_key')),
  }
}

function credentials(id: string | undefined, secret: string | undefined): S3Options['credentials'] {
  if (id && secret) return { accessKeyId: id, secretAccessKey: secret }
  if (!id && !secret) return undefined
  throw new ImproperlyConfigured(
    'The result backend s3:// needs both s3AccessKeyId and s3SecretAccessKey, or neither',
  )
}
