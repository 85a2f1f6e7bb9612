export { CompactEncrypt, importX509 } from 'jose';
