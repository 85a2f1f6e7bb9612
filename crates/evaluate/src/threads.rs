//! Shares work among threads, one engine each.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::Error;

/// Returns the engines' results for the items, in the items' order, or the first error. At least one engine is needed.
pub fn each<I, T, C>(items: &[I], engines: Vec<C>) -> Result<Vec<T>, Error>
where
    I: Sync,
    T: Send,
    C: FnMut(&I) -> Result<T, Error> + Send,
{
    let next = AtomicUsize::new(0);
    let made = Mutex::new(items.iter().map(|_| None).collect::<Vec<_>>());
    let work = |mut engine: C| -> Result<(), Error> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return Ok(()) };
            let one = engine(item)?;
            made.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(one);
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = engines.into_iter().map(|engine| scope.spawn(|| work(engine))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Err(Error::Panicked)))
    })?;
    let made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    made.into_iter().collect::<Option<_>>().ok_or(Error::NoCoders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_comes_back_in_its_place() {
        let items: Vec<usize> = (0..50).collect();
        let double = |item: &usize| Ok(2 * item);
        let made = each(&items, vec![double; 3]).expect("nothing fails");
        assert!(made.iter().enumerate().all(|(at, made)| *made == 2 * at));
        let fails = |item: &usize| if *item == 7 { Err(Error::NoSpread) } else { Ok(()) };
        assert!(matches!(each(&items, vec![fails; 2]), Err(Error::NoSpread)));
        assert!(matches!(each(&items, Vec::<fn(&usize) -> Result<(), Error>>::new()), Err(Error::NoCoders)));
    }
}
