//! What a step touches, and when two steps depend on each other. The only place that says so.
//!
//! Two steps of different owners are *independent* if, wherever both could run, either order leads
//! to the same state. They are if no object is touched by both, or only in ways that commute:
//!
//! | | read | write | add | ready | take |
//! |---|---|---|---|---|---|
//! | **read** | yes | | | | |
//! | **write** | | | | | |
//! | **add** | | | yes | | |
//! | **ready** | | | | yes | |
//! | **take** | | | | | |
//!
//! A step that touches everything depends on every other. So does, always, a step on another of
//! the same owner.

/// How a step touches an object.
///
/// # Examples
/// ```
/// use seedloop::sched::Access;
/// assert!(Access::Read.commutes(Access::Read) && !Access::Read.commutes(Access::Write));
/// assert!(Access::Add.commutes(Access::Add) && !Access::Add.commutes(Access::Read));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Access {
    /// What it is has mattered.
    Read = 1,
    /// It has changed.
    Write = 2,
    /// It has changed by something that commutes with itself: a counter went up, and nobody
    /// looked.
    Add = 4,
    /// A handle was made ready, or was so already.
    Ready = 8,
    /// A ready handle was taken, to run.
    Take = 16,
}

impl Access {
    /// All of them.
    pub const ALL: [Access; 5] =
        [Access::Read, Access::Write, Access::Add, Access::Ready, Access::Take];

    /// Do two such accesses of one object commute?
    pub fn commutes(self, other: Access) -> bool {
        self == other && matches!(self, Access::Read | Access::Add | Access::Ready)
    }
}

/// The ways in which one object is touched, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Accesses(u8);

impl Accesses {
    fn commute(self, other: Accesses) -> bool {
        // Two sets commute if each is one and the same access, which commutes with itself.
        let itself = [Access::Read, Access::Add, Access::Ready];
        self == other && itself.iter().any(|&access| self.0 == access as u8)
    }
}

/// All that a step has touched.
///
/// # Examples
/// ```
/// use seedloop::sched::{Access, Footprint};
/// let reads = Footprint::new([(1, Access::Read), (2, Access::Read)], false);
/// let writes = Footprint::new([(2, Access::Write)], false);
/// assert!(!reads.conflicts(&reads) && reads.conflicts(&writes));
/// let all = Footprint::new([], true);
/// assert!(all.conflicts(&Footprint::default()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Footprint {
    all: bool,
    /// By object, each once.
    touched: Vec<(u64, Accesses)>,
}

impl Footprint {
    /// Of these accesses of objects; of everything there is if `all`.
    pub fn new(touched: impl IntoIterator<Item = (u64, Access)>, all: bool) -> Footprint {
        let ways = |(object, access)| (object, Accesses(access as u8));
        Footprint::normal(touched.into_iter().map(ways).collect(), all)
    }

    fn normal(mut touched: Vec<(u64, Accesses)>, all: bool) -> Footprint {
        touched.sort_unstable_by_key(|&(object, _)| object);
        touched.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1.0 |= next.1.0;
            }
            same
        });
        Footprint { all, touched }
    }

    /// Does the step depend on everything?
    ///
    /// # Examples
    /// ```
    /// assert!(seedloop::sched::Footprint::new([], true).is_all());
    /// ```
    pub fn is_all(&self) -> bool {
        self.all
    }

    /// What of it is known: without that it may be everything.
    pub(crate) fn known(&self) -> Footprint {
        Footprint { all: false, touched: self.touched.clone() }
    }

    /// Is the object touched in this way, among others?
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::{Access, Footprint};
    /// let both = Footprint::new([(1, Access::Read), (1, Access::Write)], false);
    /// assert!(both.has(1, Access::Read) && both.has(1, Access::Write));
    /// assert!(!both.has(1, Access::Add) && !both.has(2, Access::Read));
    /// ```
    pub fn has(&self, object: u64, access: Access) -> bool {
        let at = self.touched.binary_search_by_key(&object, |&(object, _)| object);
        at.is_ok_and(|at| self.touched[at].1.0 & access as u8 != 0)
    }

    /// The objects, each with the numbers of its accesses added up.
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::{Access, Footprint};
    /// let both = Footprint::new([(7, Access::Read), (7, Access::Write)], false);
    /// assert!(both.objects().eq([(7, 3)]));
    /// ```
    pub fn objects(&self) -> impl Iterator<Item = (u64, u8)> + '_ {
        self.touched.iter().map(|&(object, ways)| (object, ways.0))
    }

    /// Do two such sets of accesses of one object commute, as [`objects`](Footprint::objects) gives
    /// them?
    pub(crate) fn ways_commute(ours: u8, theirs: u8) -> bool {
        Accesses(ours).commute(Accesses(theirs))
    }

    /// Do two steps with these footprints depend on each other?
    pub fn conflicts(&self, other: &Footprint) -> bool {
        if self.all || other.all {
            return true;
        }
        let (mut left, mut right) = (self.touched.iter().peekable(), other.touched.iter());
        let mut next = right.next();
        while let (Some(&&(a, ours)), Some(&(b, theirs))) = (left.peek(), next) {
            match a.cmp(&b) {
                std::cmp::Ordering::Less => _ = left.next(),
                std::cmp::Ordering::Greater => next = right.next(),
                std::cmp::Ordering::Equal if !ours.commute(theirs) => return true,
                std::cmp::Ordering::Equal => {
                    left.next();
                    next = right.next();
                }
            }
        }
        false
    }

    /// Adds what another step of the same place has touched.
    pub(crate) fn add(&mut self, other: &Footprint) {
        *self = Footprint::together([&*self, other]);
    }

    /// All that several steps have touched.
    pub(crate) fn together<'a>(steps: impl IntoIterator<Item = &'a Footprint>) -> Footprint {
        let (mut touched, mut all) = (Vec::new(), false);
        for footprint in steps {
            touched.extend_from_slice(&footprint.touched);
            all |= footprint.all;
        }
        Footprint::normal(touched, all)
    }
}
