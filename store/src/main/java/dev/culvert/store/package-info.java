/**
 * State that several processes share. {@link dev.culvert.store.Store} says what may be done with it: a
 * {@link dev.culvert.store.Document} is read, changed and looked at for changes ({@link dev.culvert.store.Watch}); a
 * {@link dev.culvert.store.Register} binds a key once. {@link dev.culvert.store.FileStore} keeps it in the files of a directory
 * ({@link dev.culvert.store.StateFiles}, whose rights are {@link dev.culvert.store.FileRights}'), where a change shows as another
 * {@link dev.culvert.store.FileStamp}.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.store;
